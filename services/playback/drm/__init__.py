"""DRM: the store of content keys, the key server of the packager, and the licences of viewers."""
