"""The fleet's nodes: who is connected, what each is sent, what operators say of them."""
