"""What the figures were measured on is told with them."""

from tools.bench.machine import facts


def test_every_fact_has_its_text():
    told = facts()
    assert set(told) == {"processor", "kernel", "matinee", "python", "nginx", "placement", "load"}
    assert all(told.values())
    assert "Linux" in told["kernel"]


def test_without_git_the_revision_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr("tools.bench.machine.ROOT", tmp_path)
    assert facts()["matinee"] == "no git revision"
