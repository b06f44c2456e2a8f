"""Hard inputs, each made once in a session by ffmpeg: tiny, and wrong in one way as real films are."""

import subprocess

from origin.encode.audio import encode_audio
from origin.encode.video import encode_chunk, join_rung

FILTERS = ["-f", "lavfi", "-i"]


class FilmMaker:
    """Makes films in `folder`; `deep` is an ffmpeg that encodes ten bits."""

    def __init__(self, folder, ffmpeg, deep):
        self.folder, self.ffmpeg, self.deep = folder, ffmpeg, deep

    def run(self, name, *arguments, ffmpeg=None):
        """The file of that name, made by these arguments of ffmpeg."""
        path = self.folder / name
        if not path.exists():
            command = [ffmpeg or self.ffmpeg, "-y", "-nostdin", "-v", "error", *map(str, arguments), f"file:{path}"]
            subprocess.run(command, check=True)
        return path

    def picture(self, name, *arguments, seconds=2, size="320x240", rate="25", **more):
        """A picture alone."""
        source = [*FILTERS, f"testsrc2=size={size}:rate={rate}", "-t", seconds, "-preset", "ultrafast"]
        return self.run(name, *source, *arguments, **more)

    def interlaced(self):
        """25 frames of two fields, moving."""
        fields = ["-vf", "interlace=scan=tff:lowpass=off", "-flags", "+ildct+ilme"]
        return self.picture("interlaced.mkv", *fields, "-c:v", "libx264", size="320x240", rate="50")

    def hdr(self, transfer):
        """HEVC in ten bits, PQ or HLG."""
        parameters = f"log-level=error:colorprim=bt2020:colormatrix=bt2020nc:transfer={transfer}"
        if transfer == "smpte2084":
            display = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1)"
            parameters += f":hdr10=1:master-display={display}:max-cll=1000,400"
        encode = ["-vf", "format=yuv420p10le", "-c:v", "libx265", "-x265-params", parameters]
        return self.picture(f"{transfer}.mkv", *encode, seconds=1, ffmpeg=self.deep)

    def av1(self):
        """AV1 in mp4."""
        return self.picture("av1.mp4", "-c:v", "libsvtav1", "-preset", "12", seconds=1, ffmpeg=self.deep)

    def with_sound(self, name, *arguments, seconds=2, sound_seconds=None, **more):
        """A picture and a sound of their own lengths."""
        sound = [*FILTERS, f"sine=frequency=440:sample_rate=48000:duration={sound_seconds or seconds}"]
        video = [*FILTERS, f"testsrc2=size=320x240:rate=25:duration={seconds}"]
        encode = ["-map", "0", "-map", "1", "-preset", "ultrafast", *arguments]
        return self.run(name, *video, *sound, *encode, **more)

    def spatial(self):
        """An iPhone's film: AAC, and a second track whose codec nobody knows."""
        path = self.folder / "spatial.mp4"
        if not path.exists():
            twice = self.with_sound("twice.mp4", "-map", "1", "-c:a", "aac")
            data = twice.read_bytes()
            second = data.rindex(b"mp4a")
            unknown = data[second + 4 :].replace(b"\x40\x15", b"\xfe\x15", 1)  # the object type in its esds
            path.write_bytes(data[:second] + b"apac" + unknown)
        return path

    def without_durations(self, name, **lengths):
        """Matroska without DURATION tags."""
        return self.with_sound(name, "-fflags", "+bitexact", "-c:a", "aac", **lengths)

    def jumping(self):
        """A transport stream whose clock jumps an hour ahead in its middle."""
        path = self.folder / "jump.ts"
        if not path.exists():
            encode = ["-c:a", "mp2", "-c:v", "mpeg2video", "-f", "mpegts"]
            first = self.with_sound("first.ts", *encode)
            second = self.with_sound("second.ts", *encode, "-output_ts_offset", "3600")
            path.write_bytes(first.read_bytes() + second.read_bytes())
        return path

    def covered(self):
        """A cover without the flag stands before the film, and is larger."""
        still = [*FILTERS, "testsrc=size=640x480:rate=1", "-frames:v", "1", "-pix_fmt", "yuvj420p", "-c:v", "mjpeg"]
        cover, film = self.run("cover.mkv", *still), self.picture("bare.mkv", "-c:v", "libx264")
        maps = ["-map", "0", "-map", "1", "-c", "copy", "-disposition:v:0", "default"]
        return self.run("covered.mkv", "-i", cover, "-i", film, *maps)

    def two_programmes(self):
        """A transport stream with two programmes; the second has the larger picture, the first the louder sound."""
        inputs = [*FILTERS, "testsrc2=size=320x240:rate=25", *FILTERS, "sine=440", *FILTERS]
        inputs += ["testsrc2=size=640x360:rate=25", *FILTERS, "sine=880:duration=2"]
        maps = ["-map", "0", "-map", "1", "-map", "2", "-map", "3", "-t", "2", "-c:v", "mpeg2video", "-c:a", "mp2"]
        programmes = ["-program", "title=a:st=0:st=1", "-program", "title=b:st=2:st=3"]
        return self.run("two.ts", *inputs, *maps, *programmes, "-metadata:s:a:1", "language=fra")

    def cropped(self):
        """Matroska that says that 40 columns at the left and 40 lines at the bottom are not to be shown."""
        path = self.folder / "cropped.mkv"
        if not path.exists():
            data = self.picture("uncropped.mkv", "-vf", "setsar=1", "-c:v", "libx264").read_bytes()
            before = b"\x9a\x81\x02\x55\xb0\x84\x55\xb9\x81\x01"  # FlagInterlaced, and a range in Colour
            assert data.count(before) == 1
            path.write_bytes(data.replace(before, b"\x54\xcc\x81\x28\x54\xaa\x81\x28\xec\x80"))
        return path

    def screen(self):
        """A screen recording: 1 frame/s, and 60 frames/s for half a second."""
        choose = "select=not(mod(n\\,60))+between(n\\,120\\,150)"
        return self.picture("screen.mkv", "-vf", choose, "-fps_mode", "vfr", "-c:v", "libx264", seconds=5, rate="60")

    def subtitled(self):
        """Four kinds of text subtitles; the second is forced."""
        path = self.folder / "text.srt"
        path.write_text("1\n00:00:00,500 --> 00:00:01,000\nGrüße\n\n2\n00:00:01,200 --> 00:00:01,900\n<i>two</i>\n")
        codecs = [part for index, codec in enumerate(("srt", "ass", "webvtt")) for part in (f"-c:s:{index}", codec)]
        maps = ["-map", "0:v", "-map", "1", "-map", "1", "-map", "1", "-disposition:s:1", "forced"]
        video = [*FILTERS, "testsrc2=size=320x240:rate=25:duration=2", "-i", path, *maps, *codecs]
        return self.run("text.mkv", *video, "-preset", "ultrafast", "-metadata:s:s:0", "language=deu")

    def rotated(self):
        """A phone held upright."""
        flat = self.picture("flat.mp4", "-c:v", "libx264")
        return self.run("upright.mp4", "-display_rotation", "90", "-i", flat, "-c", "copy")

    def surround(self):
        """5.1 sound, loud, and mono commentary that stands first."""
        wide = "sine=440:sample_rate=48000,volume=4dB,pan=5.1|c0=c0|c1=c0|c2=c0|c3=0*c0|c4=c0|c5=c0"
        sound = [*FILTERS, "sine=880:sample_rate=48000", *FILTERS, wide]
        video = [*FILTERS, "testsrc2=size=320x240:rate=25"]
        maps = ["-map", "0", "-map", "1", "-map", "2", "-t", "4", "-c:a:0", "aac", "-c:a:1", "ac3"]
        flags = ["-disposition:a:0", "comment", "-disposition:a:1", "default", "-preset", "ultrafast"]
        return self.run("surround.mkv", *video, *sound, *maps, *flags)


def encode_all(film, plan, tools, folder):
    """Every step of a plan that encodes, one after the other."""
    for rungs in plan.groups():
        made = [encode_chunk(tools, plan, rungs, chunk, film, folder, lambda _: None) for chunk in plan.chunks]
        for index, rung in enumerate(rungs):
            join_rung(tools, plan, rung, [files[index] for files in made], folder)
    for track in plan.audio:
        encode_audio(tools, plan, track, film, folder, lambda _: None)
