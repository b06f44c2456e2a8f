"""The fleet's nodes: connections and their updates, nodes as operators describe them, quarantine, history."""
