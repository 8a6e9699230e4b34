"""Whom HTTP tasks may call."""

from __future__ import annotations

import ipaddress

import pytest

from stepwell.tasks.http.targets import NotAllowed, Targets, Unresolved, is_public


@pytest.mark.parametrize("address", ["93.184.216.34", "8.8.8.8", "2606:2800:220:1:248:1893:25c8:1946"])
def test_a_public_address_may_be_called(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.9.9.9", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "192.0.0.192"),
        *("169.254.169.254", "169.254.170.2", "192.0.2.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255"),
        *("::1", "::", "fe80::1", "fc00::1", "fd00:ec2::254", "ff02::1", "2001:db8::1"),
        *("::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:10.0.0.1"),  # IPv4 in IPv6
        *("::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::a00:1"),  # by a gateway
        *("2002:7f00:1::", "2002:a9fe:a9fe::1"),  # 6to4
    ],
)
def test_an_address_that_is_not_public_is_refused_in_every_form(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/",
        "https://127.1/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://localhost/",
        "https://localhost./",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://169.254.169.254/latest/meta-data/",
        "https://[fd00:ec2::254]/",
    ],
)
async def test_no_way_of_writing_an_address_leads_inside(url: str) -> None:
    with pytest.raises((NotAllowed, Unresolved)):
        await Targets([]).find(url)


async def test_a_name_that_leads_inside_is_refused_even_where_another_address_of_it_is_public() -> None:
    async def resolve(host: str, port: int) -> tuple[str, ...]:
        return ("93.184.216.34", "10.0.0.1")

    with pytest.raises(NotAllowed, match=r"'rebound\.example' is at 10\.0\.0\.1, which is no public address"):
        await Targets([], resolve).find("https://rebound.example/")


async def test_a_name_is_resolved_once_and_the_address_that_was_checked_is_told() -> None:
    answers = [("93.184.216.34",), ("127.0.0.1",)]

    async def resolve(host: str, port: int) -> tuple[str, ...]:
        return answers.pop(0)

    target = await Targets([], resolve).find("https://api.example/orders")
    assert (target.host, target.port, target.addresses) == ("api.example", 443, ("93.184.216.34",))
    assert len(answers) == 1


@pytest.mark.parametrize(
    ("allowed", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:9999/"),
        ("127.0.0.1:9999", "http://127.0.0.1:9999/"),
        ("localhost", "http://LOCALHOST./"),
        (".example", "http://deep.inside.example/"),
        ("all", "http://anything.example/"),
    ],
)
async def test_what_the_settings_name_may_be_called_without_tls_too(allowed: str, url: str) -> None:
    async def resolve(host: str, port: int) -> tuple[str, ...]:
        return ("127.0.0.1",)

    assert (await Targets([allowed], resolve).find(url)).addresses == ("127.0.0.1",)


@pytest.mark.parametrize(
    ("allowed", "url"),
    [("127.0.0.1:1", "http://127.0.0.1:2/"), ("ample", "http://example/"), ("x.example", "http://example/")],
)
async def test_a_name_allows_nothing_but_itself(allowed: str, url: str) -> None:
    with pytest.raises((NotAllowed, Unresolved)):
        await Targets([allowed]).find(url)


async def test_a_public_host_without_tls_is_refused() -> None:
    with pytest.raises(NotAllowed, match="is not HTTPS"):
        await Targets([]).find("http://93.184.216.34/")


@pytest.mark.parametrize("url", ["ftp://example/", "/orders", "https://", "https://me:secret@example/"])
async def test_what_is_no_address_of_an_api_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"is no address|is not called"):
        await Targets(["all"]).find(url)


async def test_a_refusal_tells_nothing_of_an_address_but_its_host() -> None:
    for url in ("http://example.com:81/hooks/t0ken?key=t0ken", "ftp://example.com/?key=t0ken"):
        with pytest.raises((NotAllowed, ValueError)) as refused:
            await Targets(()).find(url)
        assert "example.com" in str(refused.value)
        assert "t0ken" not in str(refused.value)
