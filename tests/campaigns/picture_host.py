"""An HTTPS host with pictures and with everything that a host should not do, under a CA of its own."""

from __future__ import annotations

import contextlib
import datetime
import io
import socket
import ssl
import struct
import threading
import time
import zlib
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from PIL import Image, ImageDraw

from campaigns import remote_working
from campaigns.models import RemotePicture
from tests.campaigns.catalog_cast import feed, line, run

NAME = "pictures.test"


def picture(colour: str = "#2d7fc2", size: tuple[int, int] = (120, 90), format: str = "PNG") -> bytes:
    image = Image.new("RGB", size, "#ffffff")
    box = (size[0] // 4, size[1] // 4, size[0] * 3 // 4, size[1] * 3 // 4)
    ImageDraw.Draw(image).ellipse(box, fill=colour)
    buffer = io.BytesIO()
    image.save(buffer, format)
    return buffer.getvalue()


def bomb(side: int = 50_000) -> bytes:
    """A PNG of a few hundred bytes whose header promises gigabytes."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0" * 999)) + chunk(b"IEND", b"")


class _Handler(BaseHTTPRequestHandler):
    server: PictureHostServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.server.seen.append((self.path, dict(self.headers)))
        self.close_connection = True
        with contextlib.suppress(OSError):  # the other side had enough
            self.server.answers[self.path](self)

    def log_message(self, *args: object) -> None:
        pass

    def reply(self, body: bytes, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        for name, value in {"Content-Type": "image/png", "Content-Length": str(len(body)), **given}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


class PictureHostServer(ThreadingHTTPServer):
    """``answers``: path -> what it does; ``seen``: what was asked for."""

    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: dict[str, Callable[[_Handler], None]] = {}
        self.seen: list[tuple[str, dict[str, str]]] = []
        self.ca, context = _certificates(folder)
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def url(self, path: str, host: str = NAME) -> str:
        return f"https://{host}:{self.server_port}{path}"

    def give(self, path: str, body: bytes, status: int = 200, **headers: str) -> str:
        """Answer ``path`` with ``body``; the address."""
        self.answers[path] = lambda handler: handler.reply(body, status, **headers)
        return self.url(path)

    def lead(self, path: str, to: str, status: int = 302) -> str:
        return self.give(path, b"", status, Location=to)

    def handle_error(self, request: object, client_address: object) -> None:
        pass


def drip(handler: _Handler) -> None:
    """A byte a tenth of a second: never idle, never done."""
    handler.send_response(200)
    handler.send_header("Content-Type", "image/png")
    handler.send_header("Content-Length", "1000000")
    handler.end_headers()
    for _ in range(600):
        handler.wfile.write(b"x")
        handler.wfile.flush()
        time.sleep(0.1)


def drip_headers(handler: _Handler) -> None:
    """The same before the first line is over."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    for _ in range(600):
        handler.wfile.write(b"x")
        handler.wfile.flush()
        time.sleep(0.1)


def endless(handler: _Handler) -> None:
    """Chunks without an end and without a length."""
    handler.send_response(200)
    handler.send_header("Content-Type", "image/png")
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    block = b"%x\r\n" % 65536 + b"\x89" * 65536 + b"\r\n"
    while True:
        handler.wfile.write(block)


def _certificates(folder: Path) -> tuple[Path, ssl.SSLContext]:
    now = datetime.datetime.now(datetime.UTC)

    def name(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])

    def build(subject: str, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(name(subject))
            .issuer_name(name("Test CA"))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=2))
        )

    ca_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
    ca = (
        build("Test CA", ca_key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    names = x509.SubjectAlternativeName([x509.DNSName(NAME), x509.DNSName("rebound.test")])
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key())
    leaf = (
        build(NAME, key)
        .add_extension(names, critical=False)
        .add_extension(issuer, critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    ca_file, chain = folder / "ca.pem", folder / "chain.pem"
    ca_file.write_bytes(ca.public_bytes(pem))
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    chain.write_bytes(leaf.public_bytes(pem) + private)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(chain)
    return ca_file, context


class Names:
    """A resolver that knows the names of the tests: name -> the answers, one for each time it is asked."""

    def __init__(self, **answers: list[str]) -> None:
        self.answers = {name.replace("_", "."): found for name, found in answers.items()}
        self.asked: list[str] = []
        self._real = socket.getaddrinfo

    def __call__(self, host: str, port: int, *args: object, **options: object) -> object:
        if host not in self.answers:
            if host.replace(".", "").isdigit() or ":" in host:
                return self._real(host, port, *args, **options)  # type: ignore[arg-type]
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        self.asked.append(host)
        found = self.answers[host]
        address = found.pop(0) if len(found) > 1 else found[0]
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        end = (0, 0) if ":" in address else ()
        return [(family, socket.SOCK_STREAM, 6, "", (address, port, *end))]


def ask(shop, url: str, id: str = "A1") -> RemotePicture:
    """A feed that names ``url``, and one turn of the worker."""
    run(shop, feed(line(id, image_link=url)))
    remote_working.pictures_fetch()
    return RemotePicture.objects.get(product__external_id=id)
