"""Damage of what was read of a title."""


def replaced(path, old, new):
    def change(facts):
        data = facts.texts[path]
        assert old in data, "the damage is done"
        facts.texts[path] = data.replace(old, new)

    return change
