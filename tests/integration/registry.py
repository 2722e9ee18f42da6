"""A package registry on loopback, for pip (PEP 503) and npm, with packages that the tests make up."""

import base64
import contextlib
import hashlib
import http.server
import io
import json
import tarfile
import threading
import zipfile


def wheel(name, version, modules):
    """The bytes of a wheel: `modules` is a map of file names and texts."""
    info = f"{name}-{version}.dist-info"
    files = {**modules,
             f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
             f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"}
    files[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"])
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return data.getvalue()


def tarball(files):
    """A .tar.gz of files below one folder, as sdists and npm packages are."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as archive:
        for path, text in files.items():
            member = tarfile.TarInfo(path)
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    return data.getvalue()


class Registry:
    """Serves until close(). `asked` has the paths of all requests; with hold() they wait for let_go()."""

    def __init__(self):
        self.asked = []
        self.files = {}  # Path: bytes.
        self._gate = threading.Event()
        self._gate.set()
        self.is_asked = threading.Event()
        registry = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                registry.asked.append(self.path)
                registry.is_asked.set()
                registry._gate.wait(300)
                body = registry._body(self.path)
                self.send_response(404 if body is None else 200)
                self.send_header("Content-Type", "text/html" if self.path.startswith("/simple") else "application/octet-stream")
                self.send_header("Content-Length", str(len(body or b"")))
                self.end_headers()
                with contextlib.suppress(OSError):  # Whoever asked may be gone.
                    self.wfile.write(body or b"")

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def _body(self, path):
        if path.startswith("/simple/"):
            name = path.split("/")[2]
            links = [file for file in self.files if file.startswith(f"/python/{name}/")]
            return "".join(f'<a href="{file}">{file.rsplit("/", 1)[1]}</a>\n' for file in links).encode() if links else None
        return self.files.get(path)

    def add_wheel(self, name, version, **modules):
        texts = {module + ".py": text for module, text in modules.items()}
        self.files[f"/python/{name}/{name}-{version}-py3-none-any.whl"] = wheel(name, version, texts)

    def add_sdist(self, name, version, setup):
        self.files[f"/python/{name}/{name}-{version}.tar.gz"] = tarball({f"{name}-{version}/setup.py": setup})

    def add_npm(self, name, version, files, **package):
        """Returns the entry that a lock file has for it."""
        document = {"name": name, "version": version, "main": "index.js", **package}
        data = tarball({"package/package.json": json.dumps(document),
                        **{"package/" + path: text for path, text in files.items()}})
        path = f"/{name}/-/{name}-{version}.tgz"
        self.files[path] = data
        digest = base64.b64encode(hashlib.sha512(data).digest()).decode()
        entry = {"version": version, "resolved": self.url + path, "integrity": "sha512-" + digest}
        if "scripts" in package:
            entry["hasInstallScript"] = True
        return entry

    def hold(self):
        self.is_asked.clear()
        self._gate.clear()

    def let_go(self):
        self._gate.set()

    def close(self):
        self.let_go()
        self._server.shutdown()
        self._server.server_close()
