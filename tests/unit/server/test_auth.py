import pytest

from server.auth import Authenticator, accepted_subprotocol
from streaming.errors import ErrorCode, StarlingError

pytestmark = pytest.mark.unit

KEYS = Authenticator(["alpha", "beta"])


def check(authorization: str | None = None, *subprotocols: str) -> None:
    headers = {} if authorization is None else {"authorization": authorization}
    KEYS.check(headers, subprotocols)


def test_without_keys_everybody_may_connect():
    nobody = Authenticator([])
    assert not nobody.is_required
    nobody.check({}, [])
    nobody.check({"authorization": "Bearer whatever"}, [])


@pytest.mark.parametrize(
    "authorization", ["Bearer alpha", "bearer beta", "Token alpha", "TOKEN  beta ", "Bearer alpha "]
)
def test_a_known_key_in_the_header_is_let_in(authorization):
    check(authorization)


@pytest.mark.parametrize(
    "offered",
    [("bearer", "alpha"), ("Bearer", "beta"), ("token", "beta"), ("v1", "bearer", "beta")],
)
def test_a_known_key_after_its_marker_among_the_subprotocols_is_let_in(offered):
    check(None, *offered)


@pytest.mark.parametrize(
    "authorization", [None, "", "Bearer", "Bearer  ", "alpha", "Basic alpha", "Bearer\talpha"]
)
def test_no_key_is_told(authorization):
    with pytest.raises(StarlingError, match="no API key was sent") as refused:
        check(authorization)
    assert refused.value.code is ErrorCode.UNAUTHENTICATED
    assert "Authorization: Bearer KEY" in refused.value.hint


@pytest.mark.parametrize("key", ["gamma", "Alpha", "alph", "alpha,beta", "alpha beta", "ключ"])
def test_an_unknown_key_is_told_without_being_repeated(key):
    for attempt in [(f"Bearer {key}",), (None, "bearer", key)]:
        with pytest.raises(StarlingError) as refused:
            check(*attempt)
        assert refused.value.code is ErrorCode.UNAUTHENTICATED
        assert refused.value.message == "the API key is not known"


def test_a_key_without_its_marker_is_no_key():
    with pytest.raises(StarlingError, match="no API key"):
        check(None, "alpha")
    with pytest.raises(StarlingError, match="no API key"):
        check(None, "alpha", "bearer")


@pytest.mark.parametrize(
    ("offered", "echoed"),
    [
        ([], None),
        (["bearer", "alpha"], "bearer"),
        (["Token", "alpha"], "Token"),
        (["starling.v1"], "starling.v1"),
        (["starling.v1", "bearer", "alpha"], "starling.v1"),
    ],
)
def test_the_echoed_subprotocol_is_never_the_key(offered, echoed):
    assert accepted_subprotocol(offered) == echoed
