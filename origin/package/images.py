"""The image track: sprite sheets as an HLS image playlist and as a DASH thumbnail AdaptationSet. Pure.

HLS: the image media playlist extension (EXT-X-IMAGE-STREAM-INF, EXT-X-TILES), which Shaka and television players read.
DASH: DASH-IF IOP 5 §9.2.4, `thumbnail_tile`. Sheets are of one length, but for the last.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from xml.etree.ElementTree import Element, SubElement  # only to write

from kernel.media.mpd_document import dash
from origin.encode.plan import Thumbnails
from origin.encode.thumbnails import sprite_name

IMAGE_PLAYLIST = "main.m3u8"
_TILE_SCHEME = "http://dashif.org/guidelines/thumbnail_tile"


@dataclass(frozen=True, slots=True)
class ImageTrack:
    """The sheets of a film of `duration` s, in `folder` as `sprite-1.jpg` …; `sizes` in bytes, in order."""

    folder: str
    thumbnails: Thumbnails
    duration: float
    sizes: tuple[int, ...]

    @property
    def sheet_seconds(self) -> float:
        """The time that one sheet covers."""
        return self.thumbnails.interval * self.thumbnails.columns * self.thumbnails.rows

    @property
    def bandwidth(self) -> int:
        """Peak bit/s."""
        return max(1, *(math.ceil(8 * size / self.seconds(index)) for index, size in enumerate(self.sizes)))

    def seconds(self, index: int) -> float:
        """The time that a sheet covers: the last ends with the film."""
        return min(self.sheet_seconds, max(0.001, self.duration - index * self.sheet_seconds))


def write_image_playlist(track: ImageTrack) -> str:
    """The media playlist of the image track."""
    images = track.thumbnails
    layout = f"RESOLUTION={images.width}x{images.height},LAYOUT={images.columns}x{images.rows}"
    lines = [
        "#EXTM3U", "#EXT-X-VERSION:7", f"#EXT-X-TARGETDURATION:{math.ceil(track.seconds(0))}",
        "#EXT-X-PLAYLIST-TYPE:VOD", "#EXT-X-IMAGES-ONLY",
    ]  # fmt: skip
    for index in range(len(track.sizes)):
        lines.append(f"#EXTINF:{track.seconds(index):.6f},")
        lines.append(f"#EXT-X-TILES:{layout},DURATION={images.interval:.6f}")
        lines.append(sprite_name(index))
    return "\n".join([*lines, "#EXT-X-ENDLIST"]) + "\n"


def image_stream_line(track: ImageTrack) -> str:
    """The line of the multivariant playlist."""
    images = track.thumbnails
    return (
        f"#EXT-X-IMAGE-STREAM-INF:BANDWIDTH={track.bandwidth},RESOLUTION={images.width}x{images.height},"
        f'CODECS="jpeg",URI="{track.folder}/{IMAGE_PLAYLIST}"'
    )


def image_adaptation_set(track: ImageTrack, group_id: int) -> Element:
    """The AdaptationSet of the MPD."""
    images = track.thumbnails
    group = Element(dash("AdaptationSet"), {"id": str(group_id), "mimeType": "image/jpeg", "contentType": "image"})
    # A whole number of ticks: the time of a sheet is a multiple of the segment's, which may be 4.004 s.
    SubElement(
        group,
        dash("SegmentTemplate"),
        {
            "media": f"{track.folder}/sprite-$Number$.jpg", "startNumber": "1",
            "timescale": "1000000", "duration": str(round(track.sheet_seconds * 1_000_000)),
        },
    )  # fmt: skip
    width, height = images.width * images.columns, images.height * images.rows
    shown = SubElement(
        group,
        dash("Representation"),
        {"id": "thumbnails", "bandwidth": str(track.bandwidth), "width": str(width), "height": str(height)},
    )
    SubElement(
        shown, dash("EssentialProperty"), {"schemeIdUri": _TILE_SCHEME, "value": f"{images.columns}x{images.rows}"}
    )
    return group
