"""What an address of Redis may say, and how a wrong one is refused."""

import pytest

from server.stores.redis_url import RedisAddress, connect

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("url", "kind", "hosts", "path"),
    [
        ("redis://localhost", "redis", (("localhost", 6379),), ()),
        ("redis://localhost:7000/2", "redis", (("localhost", 7000),), ("2",)),
        ("redis://[::1]:7000", "redis", (("::1", 7000),), ()),
        ("redis://[::1]", "redis", (("::1", 6379),), ()),
        ("redis+sentinel://a,b:1/captions", "sentinel", (("a", 26379), ("b", 1)), ("captions",)),
        ("redis+sentinel://a/captions/3", "sentinel", (("a", 26379),), ("captions", "3")),
        ("redis+cluster://a:1,b:2", "cluster", (("a", 1), ("b", 2)), ()),
    ],
)
def test_an_address_names_hosts_and_what_is_behind_them(url, kind, hosts, path):
    address = RedisAddress.parse(url)
    assert (address.kind, address.hosts, address.path) == (kind, hosts, path)
    assert (address.login, address.tls) == ({}, None)


def test_a_login_may_hold_any_character():
    address = RedisAddress.parse("redis://me:p%40s%2Fs@localhost")
    assert address.login == {"username": "me", "password": "p@s/s"}
    assert RedisAddress.parse("redis://:word@localhost").login == {"password": "word"}


@pytest.mark.parametrize("kind", ["", "+sentinel", "+cluster"])
def test_tls_can_be_told_whom_to_trust(kind, tmp_path):
    ca = tmp_path / "ca.pem"
    ca.touch()
    address = RedisAddress.parse(f"rediss{kind}://localhost/captions?ssl_ca_certs={ca}")
    assert address.tls == {"ssl_ca_certs": str(ca)}
    assert address.connection["ssl_ca_certs"] == str(ca)
    assert address.connection["ssl"] is True


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://localhost", "use redis://"),
        ("redis+tls://localhost", "use redis://"),
        ("redis://", "use redis://"),
        ("redis://a,b", "redis\\+cluster://"),
        ("redis+sentinel://localhost", "/SERVICE"),
        ("rediss://localhost?ssl_ca_certs=/nowhere.pem", "there is no file /nowhere.pem"),
        ("rediss://localhost?ssl_cert_reqs=none", "no option ssl_cert_reqs"),
        ("redis://localhost?ssl_ca_certs=/nowhere.pem", "write rediss"),
    ],
)
def test_a_wrong_address_is_refused_with_what_to_write(url, reason):
    with pytest.raises(ValueError, match=reason):
        connect(url)
