"""Secrets that the settings name."""

import pytest

from kernel.errors import BadSettings
from services.credentials import read_text


def test_a_secret_is_read_without_its_line_end(tmp_path):
    path = tmp_path / "secret"
    path.write_text("s3cret\n")
    path.chmod(0o600)
    assert read_text(path, "smtp_password_file") == "s3cret"


@pytest.mark.parametrize(("content", "mode"), [(b"\xff\xfe", 0o600), (b"s3cret", 0o644), (None, 0)])
def test_what_is_no_secret_is_refused_by_the_name_of_its_setting(tmp_path, content, mode):
    path = tmp_path / "secret"
    if content is not None:
        path.write_bytes(content)
        path.chmod(mode)
    with pytest.raises(BadSettings) as refused:
        read_text(path, "smtp_password_file")
    assert refused.value.setting == "smtp_password_file"
