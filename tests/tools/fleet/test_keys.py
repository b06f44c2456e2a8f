"""`matinee fleet keys|key make|key revoke|signing-keys|signing-key withdraw`."""

from pathlib import Path

from tests.tools.fleet_ground import canned

ROW = {"id": "k1", "name": "dashboard", "role": "viewer", "expires": None, "lastUsed": None, "revoked": None}


def test_keys_are_listed(tmp_path: Path, capsys):
    with canned(tmp_path) as control:
        control.answers["GET /v1/api-keys"] = {
            "apiKeys": [ROW, ROW | {"id": "k2", "revoked": "2026-11-22T20:00:00+00:00"}]
        }
        assert control.run("keys") == 0
    out = capsys.readouterr().out
    for words in ("k1", "dashboard", "viewer", "never", "revoked"):
        assert words in out


def test_a_key_is_made_and_stands_alone_on_standard_output(tmp_path: Path, capsys):
    with canned(tmp_path) as control:
        control.answers["POST /v1/api-keys"] = (201, {"id": "k1", "key": "mtk-k1-secret"})
        assert control.run("key", "make", "dashboard", "--may", "operator", "--expires", "2030-01-01T00:00:00Z") == 0
        assert control.asked[0][2] == {"name": "dashboard", "role": "operator", "expires": "2030-01-01T00:00:00Z"}
    shown = capsys.readouterr()
    assert shown.out == "mtk-k1-secret\n"
    assert "cannot be shown again" in shown.err


def test_a_key_is_revoked(tmp_path: Path, capsys):
    with canned(tmp_path) as control:
        control.answers["DELETE /v1/api-keys/k1"] = {"id": "k1", "revoked": True}
        assert control.run("key", "revoke", "k1") == 0
        assert "revoked key k1" in capsys.readouterr().out


def test_public_keys_are_listed(tmp_path: Path, capsys):
    with canned(tmp_path) as control:
        key = {"kid": "play-1", "kty": "OKP", "crv": "Ed25519", "x": "unimportant"}
        control.answers["GET /v1/keys"] = {"keys": [key]}
        assert control.run("signing-keys") == 0
    out = capsys.readouterr().out
    for words in ("play-1", "OKP", "Ed25519"):
        assert words in out


def test_a_public_key_is_withdrawn_and_the_reason_reaches_the_audit_log(tmp_path: Path, capsys):
    """DELETE /v1/keys/{kid} could only be sent by hand."""
    with canned(tmp_path) as control:
        control.answers["DELETE /v1/keys/play%2F1"] = {"kid": "play/1", "revision": 9}
        assert control.run("signing-key", "withdraw", "play/1", "--reason", "stolen") == 0
        assert control.asked[0][1] == "/v1/keys/play%2F1?reason=stolen"
    assert "withdrew public key play/1 with revision 9" in capsys.readouterr().out


def test_a_key_that_is_not_there_fails(tmp_path: Path, capsys):
    with canned(tmp_path) as control:
        control.answers["DELETE /v1/keys/gone"] = (404, {"reason": "not-found", "detail": "there is no key 'gone'"})
        assert control.run("signing-key", "withdraw", "gone") == 1
    assert "there is no key" in capsys.readouterr().err
