from __future__ import annotations

import pytest

from certificates import TestCa
from delegation.errors import ConfigError
from delegation.server.config_sections import TlsFiles
from delegation.server.tls import read_tls


@pytest.fixture
def files(tmp_path):
    ca = TestCa.create()
    issued = ca.issue("spiffe://acme.example/service", dns=("localhost",))
    certificate, key = issued.write(tmp_path, "server")
    (tmp_path / "clients.pem").write_bytes(ca.pem)
    return TlsFiles(certificate=certificate, key=key, client_ca=tmp_path / "clients.pem")


def test_good_files_are_read_as_they_are(files):
    material = read_tls(files)
    assert material.certificate == files.certificate.read_bytes()
    assert material.credentials() is not None
    assert "PRIVATE" not in repr(material)


@pytest.mark.parametrize("name", ["certificate", "key", "client_ca"])
@pytest.mark.parametrize(("content", "says"), [(None, "does not exist"), (b"", "as PEM"), (b"no pem", "as PEM")])
def test_a_missing_or_wrong_file_is_one_line_with_its_path(files, name, content, says):
    path = getattr(files, name)
    path.unlink()
    if content is not None:
        path.write_bytes(content)
        path.chmod(0o600)
    with pytest.raises(ConfigError, match=says) as refused:
        read_tls(files)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_key_open_to_others_is_refused(files):
    files.key.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        read_tls(files)


def test_a_key_of_another_certificate_is_refused(files, tmp_path):
    _, other = TestCa.create().issue("spiffe://acme.example/x").write(tmp_path, "other")
    with pytest.raises(ConfigError, match="is not the key of"):
        read_tls(files.model_copy(update={"key": other}))
