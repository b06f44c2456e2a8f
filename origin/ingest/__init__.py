"""From a film's file to a published title: probe, work folder, pipeline, verification."""
