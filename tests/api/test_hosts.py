"""Only loopback hosts, and those of the settings, are answered."""

from __future__ import annotations

import pytest

from stepwell.api.hosts import host_guard


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST:8083",
        "localhost.:8083",
        "states.localhost",
        "sync-localhost:8083",
        "127.0.0.1",
        "127.3.2.1:80",
        "sync-127.0.0.1:8083",
        "[::1]:8083",
    ],
)
def test_loopback_hosts_are_answered_with_and_without_the_prefix_of_sdks(host: str) -> None:
    assert host_guard(frozenset())(host.encode())


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.com",
        "localhost.evil.com",
        "evillocalhost",
        "127.0.0.1.evil.com",
        "128.0.0.1",
        "[::2]",
        "::1",
        "localhost:port",
        "localhost/..",
        "user@localhost",
        "\xff",
    ],
)
def test_all_other_hosts_are_not(host: str) -> None:
    assert not host_guard(frozenset())(host.encode("latin-1"))


def test_settings_allow_names_and_all_names_below_a_domain() -> None:
    is_allowed = host_guard(frozenset({"Build-Server", ".corp.example"}))
    assert is_allowed(b"build-server:8083")
    assert is_allowed(b"sync-build-server")
    assert is_allowed(b"a.b.corp.example")
    assert not is_allowed(b"corp.example.evil.com")
    assert not is_allowed(b"other-server")
