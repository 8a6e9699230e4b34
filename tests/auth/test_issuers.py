"""JSON Web Tokens: which are taken, and what a client is told of those that are not."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from stepwell.auth.caller import Caller
from stepwell.auth.issuers import IssuerRules, Issuers
from stepwell.auth.jwks import FRESH, OLDEST, PAUSE, Jwks
from stepwell.auth.refusal import BearerRefused, KeysUnavailable
from tests.auth.issuer import Issuer, issuing
from tests.patience import PATIENCE


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with issuing() as found:
        yield found


class World:
    """Issuers with a clock of their own for the keys."""

    def __init__(self, issuer: Issuer, **rules: Any) -> None:
        self.now = 0.0
        given = IssuerRules(issuer=issuer.url, audience=frozenset({"app"}), **rules)
        self.issuers = Issuers([(given, Jwks(issuer.url, clock=lambda: self.now))])

    async def caller(self, token: str) -> Caller:
        return await asyncio.wait_for(self.issuers.caller(token), PATIENCE)

    async def refusal(self, token: str) -> tuple[str | None, str]:
        with pytest.raises(BearerRefused) as refused:
            await self.caller(token)
        return refused.value.error, str(refused.value)


async def test_a_good_token_names_its_subject(issuer: Issuer) -> None:
    assert await World(issuer).caller(issuer.token()) == Caller("u-1", "full", "jwt")


@pytest.mark.parametrize(
    ("claims", "message"),
    [
        ({"exp": 1}, "The token has expired"),
        ({"exp": None}, "The token has no exp"),
        ({"exp": "soon"}, "The token has no exp"),
        ({"nbf": 4_000_000_000}, "The token is not valid yet"),
        ({"aud": "another"}, "The token is for another audience"),
        ({"aud": ["b", "c"]}, "The token is for another audience"),
        ({"aud": None}, "The token is for another audience"),
        ({"aud": None, "client_id": "another"}, "The token is for another audience"),
        ({"iss": "https://elsewhere.example"}, "The token's issuer is not known here"),
        ({"iss": None}, "The token's issuer is not known here"),
    ],
)
async def test_each_claim_that_is_wrong_is_told_by_itself(
    issuer: Issuer, claims: dict[str, object], message: str
) -> None:
    assert await World(issuer).refusal(issuer.token(**claims)) == ("invalid_token", message)


async def test_a_clock_that_is_off_by_seconds_does(issuer: Issuer) -> None:
    now = int(time.time())
    await World(issuer).caller(issuer.token(exp=now - 10, nbf=now + 10))


async def test_tokens_of_cognito_have_a_use_and_a_client_id(issuer: Issuer) -> None:
    world = World(issuer, token_use="access")
    await world.caller(issuer.token(aud=None, client_id="app", token_use="access"))
    refused = await world.refusal(issuer.token(token_use="id"))
    assert refused == ("invalid_token", "The token's token_use is not access")


async def test_the_algorithm_is_never_the_choice_of_the_token(issuer: Issuer) -> None:
    world, message = World(issuer), "The token is signed with an algorithm that is not taken here"
    claims = {"iss": issuer.url, "sub": "x", "aud": "app", "exp": int(time.time()) + 60}
    shared = jwt.encode({"alg": "HS256", "kid": "one"}, claims, OctKey.import_key("a secret of 32 bytes, known to all"))
    assert await world.refusal(shared) == ("invalid_token", message)
    _, body, _ = shared.split(".")
    none = "eyJhbGciOiJub25lIiwia2lkIjoib25lIn0"
    assert await world.refusal(f"{none}.{body}.") == ("invalid_token", message)
    assert await world.refusal(issuer.token({"alg": "RS512"})) == ("invalid_token", message)


async def test_a_foreign_signature_and_a_changed_claim_do_not_hold(issuer: Issuer) -> None:
    world, message = World(issuer), "The token's signature does not hold"
    head, _, proof = issuer.token().split(".")
    changed = issuer.token(sub="root").split(".")[1]
    assert await world.refusal(f"{head}.{changed}.{proof}") == ("invalid_token", message)
    claims = {"iss": issuer.url, "sub": "x", "aud": "app", "exp": int(time.time()) + 60}
    foreign = jwt.encode({"alg": "RS256", "kid": "one"}, claims, RSAKey.generate_key(2048))
    assert await world.refusal(foreign) == ("invalid_token", message)


@pytest.mark.parametrize("token", ["a.b.c", "..", "e30.e30.", "W10.W10.x", "\xff.\xff.\xff", "e30.e30.e30.e30"])
async def test_what_is_no_token_is_refused(issuer: Issuer, token: str) -> None:
    assert (await World(issuer).refusal(token))[0] == "invalid_token"


# -- keys


async def test_keys_are_read_once_however_many_wait(issuer: Issuer) -> None:
    world = World(issuer)
    await asyncio.gather(*(world.caller(issuer.token()) for _ in range(20)))
    assert issuer.reads == 1


async def test_a_new_key_is_fetched_when_the_first_token_names_it(issuer: Issuer) -> None:
    world = World(issuer)
    await world.caller(issuer.token())
    issuer.rotate("two")
    world.now += PAUSE
    await world.caller(issuer.token())
    assert issuer.reads == 2


async def test_unknown_keys_do_not_make_the_issuer_be_asked_more_often(issuer: Issuer) -> None:
    world = World(issuer)
    await world.caller(issuer.token())
    world.now += PAUSE
    for number in range(5):
        refused = await world.refusal(issuer.token({"kid": f"made-up-{number}"}))
        assert refused == ("invalid_token", "The token is signed with an unknown key")
    assert issuer.reads == 2


async def test_old_keys_are_read_anew_and_outlast_an_outage_for_a_day(issuer: Issuer) -> None:
    world, token = World(issuer), issuer.token()
    await world.caller(token)
    issuer.fails = True
    world.now += FRESH + 1
    await world.caller(token)
    assert issuer.reads == 2
    world.now += OLDEST
    with pytest.raises(KeysUnavailable):
        await world.caller(token)


async def test_an_issuer_that_never_answered_is_told_as_the_fault_of_the_server(issuer: Issuer) -> None:
    issuer.fails = True
    with pytest.raises(KeysUnavailable):
        await World(issuer).caller(issuer.token())


@pytest.mark.parametrize("url", ["http://issuer.example", "file:///etc/passwd", "ftp://127.0.0.1/keys", "issuer"])
def test_keys_are_read_over_https_only(url: str) -> None:
    with pytest.raises(ValueError, match="no https address"):
        Jwks("https://issuer.example", url)


# -- roles


@pytest.mark.parametrize(
    ("claims", "role"),
    [
        ({"scope": "openid jobs.write"}, "full"),
        ({"scope": "openid jobs.read"}, "read-only"),
        ({"scope": "jobs.read jobs.write"}, "full"),
    ],
)
async def test_a_claim_gives_the_role(issuer: Issuer, claims: dict[str, str], role: str) -> None:
    rules = {"roles_claim": "scope", "full": frozenset({"jobs.write"}), "read_only": frozenset({"jobs.read"})}
    assert (await World(issuer, **rules).caller(issuer.token(**claims))).role == role


async def test_the_claim_may_be_a_list_of_groups_or_lie_inside_another(issuer: Issuer) -> None:
    groups = World(issuer, roles_claim="cognito:groups", full=frozenset({"ops"}))
    assert (await groups.caller(issuer.token(**{"cognito:groups": ["x", "ops"]}))).role == "full"
    inside = World(issuer, roles_claim="realm_access.roles", full=frozenset({"ops"}))
    assert (await inside.caller(issuer.token(realm_access={"roles": ["ops"]}))).role == "full"


async def test_a_token_without_a_word_that_counts_has_no_scope_here(issuer: Issuer) -> None:
    world = World(issuer, roles_claim="scope", full=frozenset({"jobs.write"}))
    for claims in ({}, {"scope": "openid"}, {"scope": 7}, {"scope": [["jobs.write"]]}):
        refused = await world.refusal(issuer.token(**claims))
        assert refused == ("insufficient_scope", "Nothing in the token's scope gives a role here")
