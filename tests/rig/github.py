"""A GitHub on this machine, with one repository."""

from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
import json
from pathlib import Path
import secrets
import ssl
import sys
import threading
from typing import Any, Final, Self, override
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from .process import LOCALHOST
from .repository import ASSET, BRANCH, Repository

FULL_NAME: Final = "bellsystems/vesper-home-assistant"

HOSTS: Final = (
    "api.github.com",
    "codeload.github.com",
    "data-v2.hacs.xyz",
    "github.com",
    "raw.githubusercontent.com",
)

_ID: Final = 1_000_001
# In seconds: how often a client asks whether a user has confirmed.
_INTERVAL: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is asked for."""

    method: str
    host: str
    path: str
    query: Mapping[str, Sequence[str]]
    headers: Mapping[str, str]

    @override
    def __str__(self) -> str:
        """Return it as a log shows it."""
        return f"{self.method} https://{self.host}{self.path}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What is sent back."""

    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"
    status: HTTPStatus = HTTPStatus.OK
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, data: object, status: HTTPStatus = HTTPStatus.OK) -> Self:
        """Make a response of JSON."""
        return cls(
            body=json.dumps(data).encode(),
            content_type="application/json; charset=utf-8",
            status=status,
        )


class GitHub:
    """What Marketplace uses of GitHub and the catalog.

    They are served under their own names, so Marketplace is as it is; a process with
    `environment` finds them here, and no other host. The catalog is empty.
    """

    def __init__(self, directory: Path, repository: Repository) -> None:
        """Describe a server; `directory` is created for its certificate."""
        directory.mkdir(parents=True, exist_ok=True)
        self.repository: Final = repository
        self.requests: Final[list[Request]] = []
        self.unknown: Final[list[Request]] = []
        self._codes: Final[dict[str, str]] = {}
        self._confirmed: Final[set[str]] = set()
        self._tokens: Final[set[str]] = set()
        self._certificate: Final = directory / "certificate.pem"
        key = directory / "key.pem"
        _make_certificate(self._certificate, key)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self._certificate, key)
        self._server: Final = _Server((LOCALHOST, 0), partial(_Handler, self.respond))
        self._server.socket = context.wrap_socket(
            self._server.socket,
            server_side=True,
            # Else one slow client would keep all others waiting.
            do_handshake_on_connect=False,
        )
        self._thread: Final = threading.Thread(target=self._server.serve_forever)

    def __enter__(self) -> Self:
        """Start the server."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the server."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def environment(self) -> Mapping[str, str]:
        """What leads a process here, see `stubs/sitecustomize.py`."""
        return {
            "VESPER_RIG_HOSTS": " ".join(HOSTS),
            "VESPER_RIG_HOSTS_PORT": str(self._server.server_port),
            "REQUESTS_CA_BUNDLE": str(self._certificate),
        }

    def confirm(self, code: str) -> None:
        """Connect the account of who enters a code.

        Raises ValueError if it is not a code that was given out.
        """
        for device_code, user_code in self._codes.items():
            if user_code == code:
                self._confirmed.add(device_code)
                return
        msg = f"There is no code {code}"
        raise ValueError(msg)

    def respond(self, request: Request) -> Response:
        """Return the response to a request, and remember it."""
        self.requests.append(request)
        if self._is_rejected(request):
            return Response.of({"message": "Bad credentials"}, HTTPStatus.UNAUTHORIZED)
        try:
            return self._answer(request)
        except LookupError, ValueError:
            self.unknown.append(request)
            return Response.of({"message": "Not Found"}, HTTPStatus.NOT_FOUND)

    def _is_rejected(self, request: Request) -> bool:
        """Return whether its token was not given out."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        return bool(scheme) and token not in self._tokens

    def _answer(self, request: Request) -> Response:
        """Return the response to a request.

        Raises LookupError for what does not exist.
        """
        parts = [part for part in request.path.split("/") if part]
        match request.host:
            case "api.github.com":
                return self._answer_api(parts, request.query)
            case "github.com":
                return self._answer_site(parts, request.query)
            case "codeload.github.com":
                return self._answer_download(parts)
            case "raw.githubusercontent.com":
                ref, *path = _within_repository(parts)
                return Response(body=self.repository.read(ref, "/".join(path)))
            case _:
                section, _ = parts
                is_list = section in ("removed", "critical")
                return Response.of([] if is_list else {})

    def _answer_site(
        self, parts: Sequence[str], query: Mapping[str, Sequence[str]]
    ) -> Response:
        """Return the response to a request to GitHub itself.

        Raises LookupError for what does not exist.
        """
        match parts:
            case ["login", "device", "code"]:
                return self._give_code()
            case ["login", "oauth", "access_token"]:
                return self._give_token(query["device_code"][0])
        match _within_repository(parts):
            case ["archive", "refs", kind, file]:
                ref = file.removesuffix(".zip")
                url = f"https://codeload.github.com/{FULL_NAME}/zip/refs/{kind}/{ref}"
                return Response(status=HTTPStatus.FOUND, headers={"Location": url})
        raise LookupError(parts)

    def _answer_download(self, parts: Sequence[str]) -> Response:
        """Return the source of a tag or branch.

        Raises LookupError for what does not exist.
        """
        _, _, kind, ref = _within_repository(parts)
        name = f"{FULL_NAME.split('/')[1]}-{ref}"
        body = self.repository.archive(f"{kind}/{ref}", name)
        return Response(body=body, content_type="application/zip")

    def _give_code(self) -> Response:
        """Return a code that a user has to confirm."""
        device_code = secrets.token_hex(20)
        code = secrets.token_hex(4).upper()
        self._codes[device_code] = f"{code[:4]}-{code[4:]}"
        return Response.of(
            {
                "device_code": device_code,
                "user_code": self._codes[device_code],
                "verification_uri": "https://github.com/login/device",
                "expires_in": 900,
                "interval": _INTERVAL,
            }
        )

    def _give_token(self, device_code: str) -> Response:
        """Return a token, if a user has confirmed."""
        if device_code not in self._confirmed:
            return Response.of(
                {
                    "error": "authorization_pending",
                    "error_description": "The authorization request is still pending.",
                }
            )
        token = f"gho_{secrets.token_hex(18)}"
        self._tokens.add(token)
        return Response.of({"access_token": token, "token_type": "bearer", "scope": ""})

    def _answer_api(
        self, parts: Sequence[str], query: Mapping[str, Sequence[str]]
    ) -> Response:
        """Return the response to a request to the API.

        Raises LookupError for what does not exist.
        """
        if parts == ["rate_limit"]:
            core = {"limit": 5000, "used": 1, "remaining": 4999, "reset": 0}
            return Response.of({"resources": {"core": core}, "rate": core})
        collection, *path = parts
        if collection != "repos":
            raise LookupError(parts)
        return Response.of(self._describe(_within_repository(path), query))

    def _describe(
        self, path: Sequence[str], query: Mapping[str, Sequence[str]]
    ) -> object:
        """Return what the API says about the repository.

        Raises LookupError for what does not exist.
        """
        match path:
            case []:
                return _REPOSITORY
            case ["branches", branch]:
                sha = self.repository.commit(branch)
                return {"name": branch, "commit": {"sha": sha}}
            case ["releases"]:
                return [self._release(tag) for tag in reversed(self.repository.notes)]
            case ["git", "trees", *ref]:
                name = "/".join(ref)
                return {
                    "sha": self.repository.commit(name),
                    "tree": self.repository.tree(name),
                    "truncated": False,
                }
            case ["contents", *file]:
                (ref_name,) = query.get("ref", [BRANCH])
                content = self.repository.read(ref_name, "/".join(file))
                return {
                    "type": "file",
                    "encoding": "base64",
                    "size": len(content),
                    "name": file[-1],
                    "path": "/".join(file),
                    "content": b64encode(content).decode(),
                }
        raise LookupError(path)

    def _release(self, version: str) -> dict[str, Any]:
        """Return a release as the API does."""
        asset = self.repository.assets[version]
        url = f"https://github.com/{FULL_NAME}/releases"
        return {
            "tag_name": version,
            "name": version,
            "body": self.repository.notes[version],
            "draft": False,
            "prerelease": False,
            "published_at": _PUSHED_AT,
            "html_url": f"{url}/tag/{version}",
            "assets": [
                {
                    "name": ASSET,
                    "size": asset.stat().st_size,
                    "download_count": 0,
                    "browser_download_url": f"{url}/download/{version}/{ASSET}",
                }
            ],
        }


_PUSHED_AT: Final = "2026-11-01T12:00:00Z"
_REPOSITORY: Final[Mapping[str, Any]] = {
    "id": _ID,
    "name": FULL_NAME.split("/")[1],
    "full_name": FULL_NAME,
    "description": "Monitors Vesper devices",
    "default_branch": BRANCH,
    "archived": False,
    "has_issues": True,
    "open_issues": 0,
    "stargazers_count": 0,
    "topics": ["home-assistant"],
    "pushed_at": _PUSHED_AT,
}


def _within_repository(path: Sequence[str]) -> Sequence[str]:
    """Return what follows the name of the repository.

    Raises LookupError for another repository.
    """
    owner, name, *rest = path
    if f"{owner}/{name}" != FULL_NAME:
        raise LookupError(path)
    return rest


class _Server(ThreadingHTTPServer):
    """Keep quiet about clients that end."""

    @override
    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError | ssl.SSLError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    """Pass the requests of a connection on."""

    protocol_version = "HTTP/1.1"

    def __init__(self, respond: Callable[[Request], Response], *arguments: Any) -> None:
        self._respond = respond
        super().__init__(*arguments)

    def _handle(self) -> None:
        # What comes with a request is in its URL, but it has to be read.
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        url = urlsplit(self.path)
        response = self._respond(
            Request(
                method=self.command,
                host=self.headers.get("Host", "").partition(":")[0],
                path=url.path,
                query=parse_qs(url.query),
                headers=dict(self.headers),
            )
        )
        self.send_response(response.status)
        self.send_header("Content-Type", response.content_type)
        self.send_header("Content-Length", str(len(response.body)))
        for name, value in response.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(response.body)

    do_GET = do_POST = _handle  # noqa: N815  # their names are given

    @override
    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing: the requests are remembered."""


def _make_certificate(certificate: Path, key: Path) -> None:
    """Write a certificate for all hosts, and its key."""
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "The rig's GitHub")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName(host) for host in HOSTS]),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(
            x509.SubjectKeyIdentifier.from_public_key(private.public_key()),
            critical=False,
        )
        .sign(private, hashes.SHA256())
    )
    certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    key.touch(mode=0o600)
    key.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
