"""What viewers saw: events become views, views become quality of experience, and all of it goes to the lake."""
