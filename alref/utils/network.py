"""Connections to servers: which environment variables decide about them, and what to do when they fail."""

from __future__ import annotations

import os
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

from alref.errors import Problem, sanitize_line

PROXY_SCHEMES = ("http", "https", "socks5", "socks5h")
CERTIFICATE_VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR")
OTHER_CERTIFICATE_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""Variables of other programs that name the certificates of a network."""
CERTIFICATE_WORDS = ("CERTIFICATE_VERIFY_FAILED", "self-signed certificate", "self signed certificate")
PLAIN_HTTP_WORDS = ("WRONG_VERSION_NUMBER", "record layer failure", "HTTP_REQUEST")
"""What OpenSSL says when a server answers https without encryption."""


def is_address(text: str) -> bool:
    """Return whether a text is the address of an HTTP server, ``http://host:port/path``."""
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and text.isprintable()
    except ValueError:
        return False


def get_host(address: str) -> str:
    """Return the host of an address, an empty text if it has none."""
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""


def is_local(address: str) -> bool:
    """Return whether an address is on this machine or on a private network, so that its server can be started."""
    host = get_host(address)
    try:
        place = ip_address(host.partition("%")[0])
    except ValueError:
        return "." not in host or host.endswith((".localhost", ".local", ".lan", ".internal"))
    return place.is_private or place.is_loopback or place.is_link_local or place.is_unspecified


def find_proxy_variable(address: str) -> str:
    """Return the name of the environment variable whose proxy is used for an address; empty if the connection is direct."""
    from urllib.request import getproxies_environment

    proxies = getproxies_environment()
    kind = next((kind for kind in (urlsplit(address).scheme, "all") if proxies.get(kind)), "")
    return _find_variable(f"{kind}_proxy") if kind and not _is_bypassed(get_host(address)) else ""


def _is_bypassed(host: str) -> bool:
    """Return whether ``NO_PROXY`` names a host: by its name, a domain, an address, a network, or ``*``."""
    for entry in _list_bypassed():
        name = entry if entry.count(":") > 1 else entry.partition(":")[0]
        if name == "*" or host == name or host.endswith(f".{name.lstrip('*').lstrip('.')}"):
            return True
        try:
            if ip_address(host) in ip_network(name, strict=False):
                return True
        except ValueError:
            continue
    return False


def _list_bypassed() -> list[str]:
    """List the entries of ``NO_PROXY``, without the brackets around an IPv6 address."""
    entries = os.environ.get(_find_variable("no_proxy"), "").lower().split(",")
    return [entry.strip().strip("[]") for entry in entries if entry.strip()]


def _find_variable(name: str) -> str:
    """Return how an environment variable is written, in small letters or in capitals."""
    return name if os.environ.get(name) else name.upper()


def explain_environment(error: Exception, address: str) -> Problem:
    """Return the problem that a client cannot be made: the environment variable to blame, and what to do about it."""
    proxies = [name for name in map(_find_variable, ("http_proxy", "https_proxy", "all_proxy")) if os.environ.get(name)]
    reason, unset = str(error), "unset it"
    if isinstance(error, ImportError):
        reason = "a package is missing"
        names = [name for name in proxies if os.environ[name].startswith("socks")]
        around = f"export NO_PROXY={get_host(address)}, or " if is_local(address) else ""
        hint = f"{around}pip install 'httpx2[socks]'"
    elif isinstance(error, OSError):
        names = [name for name in CERTIFICATE_VARIABLES if os.environ.get(name)]
        hint = f"name a file of certificates (PEM), or {unset}"
    elif names := [name for name in proxies if not _is_proxy(os.environ[name])]:
        hint = f"a proxy is http://HOST:PORT or socks5://HOST:PORT; or {unset}"
    else:
        names = [name for name in [_find_variable("no_proxy")] if os.environ.get(name)]
        hint = f"export {names[0]}={','.join(_list_bypassed())}" if names else ""
    blamed = f"{names[0]}={os.environ[names[0]]} cannot be used" if names else f"{address} cannot be asked"
    return Problem(message=sanitize_line(f"{blamed} ({reason})"), hint=hint)


def _is_proxy(value: str) -> bool:
    try:
        parts = urlsplit(value if "://" in value else f"http://{value}")
        return parts.scheme in PROXY_SCHEMES and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def explain_connection(address: str, reason: str, start: str) -> Problem:
    """Return the problem that a connection failed, with the variable or the command that helps; ``start`` starts the server."""
    text = sanitize_line(reason, 200)
    if any(words in text for words in CERTIFICATE_WORDS):
        other = next((name for name in OTHER_CERTIFICATE_VARIABLES if os.environ.get(name)), "")
        hint = f"export SSL_CERT_FILE={f'${other}' if other else 'FILE with the certificates of your network'}"
        return Problem(message=f"the certificate of {address} is not trusted ({text})", hint=hint)
    if any(words in text for words in PLAIN_HTTP_WORDS):
        return Problem(message=f"{address} does not speak https ({text})", hint="begin the address with http://")
    if variable := find_proxy_variable(address):
        message = sanitize_line(f"{address} cannot be reached through {variable}={os.environ[variable]} ({text})")
        return Problem(message=message, hint=f"export NO_PROXY={get_host(address)}, or name a proxy that runs")
    message = f"the connection to {address} failed ({text})"
    return Problem(message=message, hint=start if is_local(address) else "check the address and the network connection")
