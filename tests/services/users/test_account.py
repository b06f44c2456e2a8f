"""What people type in: addresses, passwords, names and languages."""

import pytest

from services.users.account import (
    InputFault,
    Profile,
    check_email,
    check_language,
    check_name,
    check_password,
    normalise_email,
    normalise_password,
    shown_maturity,
)


@pytest.mark.parametrize(
    "text", ["a@b", "ann@example.org", "ann+tv@sub.example.org", "o'neil@example.org", "δ@παράδειγμα.gr"]
)
def test_addresses_that_mail_may_reach(text):
    assert check_email(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ann",
        "@example.org",
        "ann@",
        "a@b@c",
        "a b@c",
        "ann@exa\nmple.org",
        "<ann@example.org>",
        "a" * 65 + "@b",
        "a@" + "b" * 254,
    ],
)
def test_texts_that_are_no_address(text):
    assert check_email(text) is InputFault.EMAIL


def test_one_person_types_an_address_in_two_ways():
    assert normalise_email("Ann@Example.ORG") == normalise_email("ann@example.org")
    assert normalise_password("pa\u0308ss") == normalise_password("p\u00e4ss")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("1234567", InputFault.PASSWORD_SHORT),
        ("correct horse", None),
        ("ünïcödé!", None),
        ("x" * 257, InputFault.PASSWORD_LONG),
        ("PassWord1", InputFault.PASSWORD_COMMON),
    ],
)
def test_passwords_are_judged_by_length_and_by_how_common_they_are(text, fault):
    assert check_password(text) is fault


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("Kim", None),
        ("", InputFault.NAME),
        ("  ", InputFault.NAME),
        ("a\x00b", InputFault.NAME),
        ("x" * 61, InputFault.NAME),
    ],
)
def test_names_can_be_shown(text, fault):
    assert check_name(text) is fault


@pytest.mark.parametrize(
    ("text", "fault"),
    [("", None), ("de", None), ("pt-BR", None), ("zh-Hant-TW", None), ("german language", InputFault.LANGUAGE)],
)
def test_languages_are_tags(text, fault):
    assert check_language(text) is fault


@pytest.mark.parametrize(
    ("kids", "maturity", "shown"),
    [(False, None, None), (False, 16, 16), (True, None, 12), (True, 6, 6), (True, 18, 12)],
)
def test_a_kids_profile_never_sees_more_than_kids_may(kids, maturity, shown):
    assert shown_maturity(Profile("p", "Kim", kids=kids, maturity=maturity)) == shown
