"""What is fetched before a player asks: next segments and hot titles, under a budget."""
