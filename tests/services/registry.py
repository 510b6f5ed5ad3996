"""A registry with one image, app:1, over HTTPS at 127.0.0.1:443: python3 registry.py CERTIFICATE KEY."""
import gzip
import hashlib
import http.server
import io
import json
import ssl
import sys
import tarfile

DOCKER = "application/vnd.docker."


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def layer():
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("file"))
    return file.getvalue()


def described(kind, data):
    return {"mediaType": DOCKER + kind, "size": len(data), "digest": digest(data)}


TAR = layer()
LAYER = gzip.compress(TAR)
CONFIG = json.dumps({"architecture": "amd64", "os": "linux", "config": {},
                     "rootfs": {"type": "layers", "diff_ids": [digest(TAR)]}}).encode()
MANIFEST = json.dumps({"schemaVersion": 2, "mediaType": DOCKER + "distribution.manifest.v2+json",
                       "config": described("container.image.v1+json", CONFIG),
                       "layers": [described("image.rootfs.diff.tar.gzip", LAYER)]}).encode()
ANSWERS = {"/v2/": b"{}", **{f"/v2/app/blobs/{digest(data)}": data for data in (CONFIG, LAYER)},
           **{f"/v2/app/manifests/{name}": MANIFEST for name in ("1", digest(MANIFEST))}}


class Registry(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_HEAD(self):
        answer = ANSWERS.get(self.path)
        self.send_response(200 if answer else 404)
        self.send_header("Content-Length", str(len(answer or b"")))
        if answer is MANIFEST:
            self.send_header("Content-Type", DOCKER + "distribution.manifest.v2+json")
            self.send_header("Docker-Content-Digest", digest(MANIFEST))
        self.end_headers()
        return answer

    def do_GET(self):
        self.wfile.write(self.do_HEAD() or b"")


if __name__ == "__main__":
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(*sys.argv[1:])
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 443), Registry)
    server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.serve_forever()
