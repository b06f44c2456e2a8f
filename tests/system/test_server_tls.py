"""A certificate that cannot be used is named before anybody is served with it; see tests/edge/test_tls.py too."""

from pathlib import Path

import pytest

from kernel.errors import BadSettings
from system.server_tls import tls_context


def test_a_certificate_that_cannot_be_used_is_named(tmp_path: Path):
    broken = tmp_path / "cert.pem"
    for make in (lambda: None, lambda: broken.write_text("no certificate")):
        make()
        with pytest.raises(BadSettings, match=r"cert\.pem") as failed:
            tls_context(broken, broken)
        assert failed.value.setting == "tls_cert"
