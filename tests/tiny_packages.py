"""Packages of a few bytes, and an index of them on this machine: what an installation does can be watched in seconds.

Copied into a folder, this module is also the backend that builds the folder's own package.
"""

import hashlib
import zipfile
from contextlib import suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread


def write_wheel(folder, name, version, files, requires=()):
    """A wheel for any Python. files: {path: text}. Gives its path."""
    own = name.replace("-", "_")
    info = f"{own}-{version}.dist-info"
    asked = "".join(f"Requires-Dist: {one}\n" for one in requires)
    files = {
        **files,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{asked}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tiny\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    path = Path(folder) / f"{own}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for file, text in files.items():
            entry = zipfile.ZipInfo(file)
            entry.external_attr = (0o100755 if "/scripts/" in file else 0o100644) << 16
            wheel.writestr(entry, text)
        wheel.writestr(f"{info}/RECORD", "".join(f"{file},,\n" for file in [*files, f"{info}/RECORD"]))
    return path


def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    """As PEP 660 has it: a wheel that points at the folder."""
    return write_wheel(wheel_directory, "teachkit", "0.1.0", {"teachkit.pth": f"{Path.cwd()}\n"}).name


def hash_of(path):
    return f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"


class Index:
    """Serves a folder's wheels as PEP 503 has it, on loopback. `asked`: the paths.

    A wheel with `stalled` in its path does not come before `goes_on`; that it was asked for sets `reached`.
    """

    def __init__(self, folder):
        self.folder, self.asked, self.stalled = Path(folder), [], None
        self.reached, self.goes_on = Event(), Event()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Answer, directory=str(folder)))
        self.server.index, self.server.daemon_threads = self, True
        Thread(target=self.server.serve_forever, args=[0.02], daemon=True).start()  # s between looks for the end
        self.url = f"http://127.0.0.1:{self.server.server_port}/simple"

    def add(self, name, version, files, requires=()):
        """The line of a lock file for it."""
        wheel = write_wheel(self.folder, name, version, files, requires)
        page = self.folder / "simple" / name
        page.mkdir(parents=True, exist_ok=True)
        link = f'<a href="../../{wheel.name}#{hash_of(wheel).replace(":", "=")}">{wheel.name}</a>\n'
        with (page / "index.html").open("a") as known:
            known.write(link)
        return f"{name}=={version} \\\n    --hash={hash_of(wheel)}\n"

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Answer(SimpleHTTPRequestHandler):
    def do_GET(self):
        index = self.server.index
        index.asked.append(self.path)
        if index.stalled and self.path.endswith(".whl") and index.stalled in self.path:
            index.reached.set()
            index.goes_on.wait(60)
        with suppress(ConnectionError):  # whoever asked was killed
            super().do_GET()

    def end_headers(self):
        self.send_header("Cache-Control", "no-cache")
        super().end_headers()

    def log_message(self, *_):
        pass
