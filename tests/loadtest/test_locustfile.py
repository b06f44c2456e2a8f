from tests.loadtest.playing import locust


async def test_a_host_that_cannot_be_played_stops_the_run_with_a_reason():
    code, _, errors = await locust("http://127.0.0.1:1", "-u", "1", "-t", "90s")
    assert code == 2
    assert "neither a playlist nor a gateway" in errors
