"""Erasure reaches every store: afterwards no file of the services holds the person."""

from services.events.segments import read_page

EDGES = "http://127.0.0.1:8081"


def files_with(folder, *texts):
    """The files below a folder that hold one of the texts."""
    wanted = [text.encode() for text in texts]
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {path.name for path in paths if any(text in path.read_bytes() for text in wanted)}


async def test_no_file_of_the_services_holds_an_erased_person(start, origin, until, sign_up):
    origin.publish("film", duration=100.0)
    place = await start(origin=origin.url, edges=EDGES, default_country="DE", insecure_dev=None)
    ann = await sign_up(place, "ann-the-erased")
    bob = await sign_up(place, "bob-who-stays")

    async def playable():
        return (await ann("GET", "/titles/film"))[0] == 200

    await until(playable)
    for viewer in (ann, bob):
        profile = viewer.tokens["profileId"]
        session = (await viewer.play("living-room-of-" + profile))[1]["sessionId"]
        assert (await viewer.beat(session, 30))[0] == 200
        event = {"type": "stall", "sessionId": session, "at": 1, "message": "seen by " + profile}
        assert (await viewer("POST", "/events", [event]))[0] == 202
        like = {"userId": profile, "contentId": "film", "action": "LIKE"}
        assert (await viewer("POST", "/recommendations/feedback", like))[0] == 200
        await viewer("POST", "/search/feedback", {"query": "film", "contentId": "film"})
        assert (await viewer("GET", f"/recommendations?userId={profile}"))[0] == 200
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
