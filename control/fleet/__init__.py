"""The fleet's nodes: connections and what is sent over them, what operators say of nodes, quarantine, history."""
