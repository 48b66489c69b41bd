"""What changed, and what it cost: verdicts on completions, rates, damage, intervals."""
