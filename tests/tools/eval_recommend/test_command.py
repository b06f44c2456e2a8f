"""The command line of the comparison."""

import pytest

from tools.eval_recommend.__main__ import main


def test_a_folder_without_ratings_is_named(tmp_path, capsys):
    assert main([str(tmp_path)]) == 2
    assert str(tmp_path) in capsys.readouterr().err


def test_an_unknown_flag_is_refused(tmp_path):
    """`--quick` was documented and ignored."""
    with pytest.raises(SystemExit) as refused:
        main([str(tmp_path), "--quick"])
    assert refused.value.code == 2
