"""Whose certificate a device believes."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import trustme

from obclip.client.transport import Connection
from obclip.errors import ProtocolError, TransportError


class Hello(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("tls") / "ca.pem"
    made = trustme.CA()
    made.cert_pem.write_to_path(file)
    made.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(
        file.with_name("server.pem")
    )
    return file


@pytest.fixture
def cloud(authority: Path) -> Iterator[str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.with_name("server.pem"))
    server = HTTPServer(("127.0.0.1", 0), Hello)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"https://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_certificate_nobody_vouches_for_is_told_at_once(
    cloud: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    with Connection(cloud) as connection:
        with pytest.raises(TransportError) as error:
            connection.info()
        assert error.value.code == "certificate"
        assert "SSL_CERT_FILE" in str(error.value)
        assert len(connection.trace) == 1  # trying again would change nothing


def test_an_authority_of_ones_own_is_believed(
    cloud: str, authority: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    with Connection(cloud) as connection, pytest.raises(ProtocolError):  # it came to talk
        connection.info()


def test_another_host_of_that_authority_is_not(
    cloud: str, authority: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    other = cloud.replace("127.0.0.1", "localhost")
    with Connection(other) as connection, pytest.raises(TransportError) as error:
        connection.info()
    assert error.value.code == "certificate"


def test_a_file_that_is_none_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    with pytest.raises(TransportError) as error:
        Connection("https://127.0.0.1:1")
    assert error.value.code == "certificate"
    Connection("http://127.0.0.1:1").close()  # nothing to trust, nothing to read
