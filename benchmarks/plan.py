"""What many GPUs would be limited by: computed from bytes and times that are measured here, and a network as given."""

import argparse
import sys
import time

import torch

import teachkit as tk
from teachkit.learn.validation import evaluate

BATCH = 8  # pictures of each GPU
ROUNDS = 5


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.plan", description=__doc__)
    parser.add_argument("--gpus", type=int, default=1000)
    parser.add_argument("--bandwidth", type=float, default=50e9, help="bytes/s between two GPUs, an assumption")
    parser.add_argument("--latency", type=float, default=5e-6, help="s of a message, an assumption")
    parser.add_argument(
        "--step", type=float, default=1e-3, help="s of a GPU's step, an assumption until it is measured"
    )
    options = parser.parse_args(argv)
    torch.set_num_threads(1)
    model, gpus = tk.Detector(4, device="cpu"), options.gpus
    norms = [one for one in model.modules() if isinstance(one, torch.nn.BatchNorm2d)]
    gradients = 4 * sum(one.numel() for one in model.parameters())
    statistics = sum(4 * (2 * one.num_features + 1) for one in norms)  # mean, variance and count, gathered from all
    reduce = 2 * gradients * (gpus - 1) / gpus / options.bandwidth
    gather = gpus * statistics / options.bandwidth
    # two rounds along a ring for the gradients, three messages for each norm, one for the target scores
    waiting = (2 * (gpus - 1) + (3 * len(norms) + 1) * gpus.bit_length()) * options.latency
    loading, validating = seconds_per_picture(model)
    print(
        f"{gpus} GPUs, {BATCH} pictures each, {options.bandwidth / 1e9:g} GB/s, {options.latency * 1e6:g} µs a message"
    )
    print(f"gradients: {gradients / 1e6:.2f} MB, sent twice a step by each GPU: {reduce * 1e6:.0f} µs")
    print(f"{len(norms)} norms: {statistics / 1e3:.1f} kB of each GPU, gathered by all: {gather * 1e6:.0f} µs")
    print(f"messages one after the other: {waiting * 1e3:.1f} ms; the step itself: {options.step * 1e3:g} ms")
    print(
        f"input: {loading * 1e3:.2f} ms of a core for a picture: {BATCH * loading / options.step:.1f} cores for a GPU"
    )
    print(f"validation: {validating * 1e3:.2f} ms of a core for a picture, of which scoring is rank 0's alone")
    return 0


def seconds_per_picture(model: torch.nn.Module) -> tuple[float, float]:
    """Of a core: to make a training picture, and to detect and score in a validation picture."""
    training = tk.load_data("shapes", count=64, batch_size=BATCH, device="cpu", augment=True)
    validation = tk.load_data("shapes", "val", count=64, device="cpu")
    loading, validating = [], []
    for _ in range(ROUNDS):
        began = time.process_time()
        pictures = sum(len(batch) for batch in training)
        loading.append((time.process_time() - began) / pictures)
        began = time.process_time()
        evaluate(model, validation)
        validating.append((time.process_time() - began) / len(validation.names))
    return min(loading), min(validating)


if __name__ == "__main__":
    sys.exit(main())
