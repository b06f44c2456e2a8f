"""Rollouts of settings: canaries first, then waves; reverted on harm (`rollout.judge_harm`)."""
