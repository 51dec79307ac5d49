"""`doctor`: a line for each thing that was looked at, then the verdict."""

import argparse

from teachkit import doctor


def run(arguments: argparse.Namespace) -> int:
    findings = doctor.examine()
    print(*findings, sep="\n")
    print(doctor.verdict(findings))
    return int(any(finding.broken for finding in findings))
