"""The pure core of a virtual player: events and the time go in, requests and a wake-up time come out.

It opens no connection and reads no clock: the asyncio driver, the Locust user and the tests drive one code.
"""
