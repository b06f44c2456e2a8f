"""From events to views: parsers, the state machine of a view, the open views, and the definitions of quality. Pure."""
