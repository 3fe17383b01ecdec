import pytest

from server.grpc_server import grpc_address, tls_credentials
from server.settings import Settings, SettingsError

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("settings", "address"),
    [
        ({}, "127.0.0.1:50051"),
        ({"port": 0}, "127.0.0.1:0"),
        ({"port": 0, "grpc_port": 50052}, "127.0.0.1:50052"),
        ({"grpc_port": 0, "host": "::1"}, "[::1]:0"),
    ],
)
def test_the_port_is_free_when_any_will_do(settings, address):
    assert grpc_address(Settings(**settings)) == address


def test_without_certificates_it_is_plain_text():
    assert tls_credentials(Settings()) is None


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["grpc_tls_cert"], "both are needed"),
        (["grpc_tls_key"], "both are needed"),
        (["grpc_tls_client_ca"], "needs grpc_tls_cert"),
        (["grpc_tls_cert", "grpc_tls_key"], "grpc_tls_cert, grpc_tls_key: "),
    ],
)
@pytest.mark.parametrize("content", [None, "no certificate"])
def test_certificates_that_cannot_be_used_stop_the_start(tmp_path, names, told, content):
    path = tmp_path / "file.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(SettingsError) as refused:
        tls_credentials(Settings(**dict.fromkeys(names, path)))
    (problem,) = refused.value.problems
    assert told in problem
