"""How `matinee recommend` asks the services, and what it says when that fails."""

import pytest

from tools.cli import main


@pytest.mark.parametrize("words", [["experiment", "list"], ["overview"]])
def test_services_that_do_not_answer_are_told(tmp_path, capsys, words):
    key = tmp_path / "api.key"
    key.write_text("k" * 40)
    key.chmod(0o600)
    flags = ["--services", "http://127.0.0.1:9", "--api-key-file", str(key)]
    assert main(["recommend", *words, *flags]) == 1
    assert "do they run there?" in capsys.readouterr().err
