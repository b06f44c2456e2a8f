"""Pure decisions: the route, the permit, the rules, the plan, the response head."""
