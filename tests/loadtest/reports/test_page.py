"""The page of a report."""

import re
from html.parser import HTMLParser

from loadtest.reports.page import page

VOID = {"meta"}


class Checked(HTMLParser):
    """Follows the nesting of elements, and gathers the text."""

    def __init__(self):
        super().__init__()
        self.open, self.words = [], []

    def handle_starttag(self, tag, attributes):
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


def read(text):
    parser = Checked()
    parser.feed(text)
    parser.close()
    assert parser.open == [], "every element is closed"
    return " ".join(" ".join(parser.words).split())


def test_the_page_needs_no_network_and_no_script(report):
    text = page(report)
    assert not re.findall(r"(?:src|href)\s*=|url\(|@import|<script", text)


def test_the_page_says_what_was_run_and_how_it_came_out(report):
    words = read(page(report))
    assert "edge-dies" in words
    assert "An <edge> dies." in words
    assert "failed" in words, "the bitrate was not 9 Mbit/s"
    assert "longest stall max < 2 s 500 ms holds" in words
    assert "bitrate mean > 9 Mbit/s 3 Mbit/s does not hold" in words
    assert "origin requests < 1.2 × objects – not measured" in words


def test_every_chart_and_table_of_figures_states_players_and_the_generators_cpu(report):
    text = page(report)
    assert text.count("20 players; generator at 30 % of a core") >= text.count("<figure>") + 3
    assert text.count("<figure>") == 7


def test_warnings_stand_above_the_figures(report):
    report["warnings"] = ["The generator was <busy>."]
    text = page(report)
    assert text.index("The generator was &lt;busy&gt;.") < text.index('class="tiles"')


def test_a_target_cannot_write_into_the_page(report):
    report["run"]["target"] = "http://x/<script>alert(1)</script>"
    report["byNode"][0]["node"] = "<img src=x>"
    text = page(report)
    assert "<script" not in text
    assert "<img" not in text
