"""Erasure reaches every store: afterwards no file of the services holds the person."""

import asyncpg
import valkey

from services.events.segments import read_page
from services.search.learning.clicks import hash_viewer
from tests.postgresql import PASSWORD

EDGES = "http://127.0.0.1:8081"


def files_with(folder, *texts):
    """The files below a folder that hold one of the texts."""
    wanted = [text.encode() for text in texts]
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {path.name for path in paths if any(text in path.read_bytes() for text in wanted)}


async def play_and_tell(viewer):
    """Leave a trace in every store: positions, sessions, events, feedback, clicks, a second profile, a reset link."""
    profile = viewer.tokens["profileId"]
    session = (await viewer.play("living-room-of-" + profile))[1]["sessionId"]
    assert (await viewer.beat(session, 30))[0] == 200
    event = {"type": "stall", "sessionId": session, "at": 1, "message": "seen by " + profile}
    assert (await viewer("POST", "/events", [event]))[0] == 202
    like = {"userId": profile, "contentId": "film", "action": "LIKE"}
    assert (await viewer("POST", "/recommendations/feedback", like))[0] == 200
    assert (await viewer("POST", "/search/feedback", {"query": "film", "contentId": "film"}))[0] == 200
    assert (await viewer("GET", f"/recommendations?userId={profile}"))[0] == 200
    assert (await viewer("PUT", f"/me/profiles/{profile}", {"name": "called-" + profile}))[0] == 200
    return session


async def playable(ann, origin, until):
    """Publish a film; catalogue, search and recommendations know it on return."""
    origin.publish("film", duration=100.0)

    async def known():
        paths = ("/titles/film", "/recommendations/similar?contentId=film", "/search?query=film")
        answers = [await ann("GET", path) for path in paths]
        return all(status == 200 for status, _ in answers) and answers[-1][1]

    await until(known)


async def test_no_file_of_the_services_holds_an_erased_person(start, origin, until, sign_up):
    place = await start(origin=origin.url, edges=EDGES, default_country="DE", insecure_dev=None)
    ann = await sign_up(place, "ann-the-erased")
    bob = await sign_up(place, "bob-who-stays")

    await playable(ann, origin, until)
    for viewer in (ann, bob):
        await play_and_tell(viewer)
    data = place.settings.data

    def traces(viewer):
        tokens = viewer.tokens
        return files_with(data, tokens["accountId"], tokens["profileId"], tokens["deviceId"], tokens["refreshToken"])

    assert {"users.sqlite3-wal", "playback.sqlite3-wal", "recommend.sqlite3-wal"} <= traces(ann)
    assert files_with(data, "ann-the-erased")
    assert (await ann("DELETE", "/me"))[0] == 200
    assert traces(ann) == set()
    assert files_with(data, "ann-the-erased") == set()
    assert (await bob("GET", "/me/export"))[1]["playback"]["positions"][bob.tokens["profileId"]]
    assert read_page(data / "events", 0).records


async def fetch(address, query):
    """The first value of a query's first row."""
    connection = await asyncpg.connect(address.url, password=PASSWORD, timeout=10)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def rows_with(address, *texts):
    """The tables of a PostgreSQL database, of whatever schema, in which a column of a row holds one of the texts."""
    connection = await asyncpg.connect(address.url, password=PASSWORD, timeout=10)
    try:
        tables = await connection.fetch(
            "SELECT DISTINCT table_schema, table_name FROM information_schema.columns "
            "WHERE table_schema NOT IN ('pg_catalog', 'information_schema')"
        )
        # A row as text has all of its columns; bytes are written in hexadecimal.
        wanted = [f"%{form}%" for text in texts for form in (text, text.encode().hex())]
        found = set()
        for schema, table in tables:
            query = f'SELECT count(*) FROM "{schema}"."{table}" AS one WHERE one::text LIKE ANY($1::text[])'
            if await connection.fetchval(query, wanted):
                found.add(f"{schema}.{table}")
        return found
    finally:
        await connection.close()


_VALUES = {
    b"string": lambda client, key: [client.get(key)],
    b"hash": lambda client, key: [part for pair in client.hgetall(key).items() for part in pair],
    b"zset": lambda client, key: client.zrange(key, 0, -1),
    b"set": lambda client, key: client.smembers(key),
    b"list": lambda client, key: client.lrange(key, 0, -1),
}


def keys_with(url, *texts):
    """The keys of a Valkey whose name or value holds one of the texts."""
    wanted = [text.encode() for text in texts]
    with valkey.Valkey.from_url(url) as client:
        parts = {key: [key, *_VALUES[client.type(key)](client, key)] for key in client.scan_iter(count=1000)}
    return {key for key, values in parts.items() if any(text in value for text in wanted for value in values)}


async def test_no_table_and_no_key_holds_an_erased_person(
    start, origin, until, sign_up, tmp_path, empty_postgresql, valkey_url
):
    password = tmp_path / "password"
    password.write_text(PASSWORD)
    password.chmod(0o600)
    shared = {"database": empty_postgresql.url, "database_password_file": str(password), "valkey": valkey_url}
    place = await start(origin=origin.url, edges=EDGES, default_country="DE", insecure_dev=None, **shared)
    ann, bob = await sign_up(place, "ann-the-erased"), await sign_up(place, "bob-who-stays")
    await playable(ann, origin, until)
    sessions = {viewer: await play_and_tell(viewer) for viewer in (ann, bob)}
    secret = await fetch(empty_postgresql, "SELECT value FROM search.facts WHERE name = 'viewer-secret'")

    async def traces(viewer):
        own = [viewer.tokens[name] for name in ("accountId", "profileId", "deviceId", "refreshToken")]
        own += [hash_viewer(bytes.fromhex(secret), viewer.tokens["profileId"])]
        named = "ann-the-erased" if viewer is ann else "bob-who-stays"
        tables = await rows_with(empty_postgresql, *own, named, sessions[viewer])
        keys = keys_with(valkey_url, *own, named)
        return tables, keys, files_with(place.settings.data, *own, named)

    tables, keys, files = await traces(ann)
    assert {"users.accounts", "users.profiles", "users.devices", "recommend.events", "search.clicks"} <= tables
    assert len(keys) >= 4
    assert files, "the event log"
    assert (await ann("DELETE", "/me"))[0] == 200
    # What control has still to hear of is the id of a session that nothing else knows any more.
    tables, keys, files = await traces(ann)
    assert tables <= {"playback.revocations"}
    assert (keys, files) == (set(), set())
    tables, keys, _ = await traces(bob)
    assert tables
    assert keys
