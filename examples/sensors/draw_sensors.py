"""Draws tables of made-up electricity meters into the current folder, with nothing but Python's own library.

    draw_sensors.py

sensors.csv   60 sensors, 40 to 80 readings each: sensor, day, hour, temperature, load
mine.csv      10 readings of a sensor that is not among them
new.csv       14 days of that sensor, hour by hour, and what its load was

A sensor's load has a level, a daily wave of its own height and hour, and answers to the temperature, up or down.
"""
import csv
import math
import random


class Sensor:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.level = self.random.uniform(80, 160)
        self.height = self.random.uniform(10, 40)
        self.peak = self.random.uniform(6, 20)
        self.answer = self.random.uniform(-2, 2)

    def reading(self, day, hour):
        temperature = 15 + 6 * math.sin(2 * math.pi * (hour - 9) / 24) + self.random.gauss(0, 3)
        wave = self.height * math.cos(2 * math.pi * (hour - self.peak) / 24)
        load = self.level + wave + self.answer * (temperature - 15) + self.random.gauss(0, 1)
        return [day, hour, f"{temperature:.1f}", f"{load:.2f}"]


def write(path, columns, rows):
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(rows)


def at_random(sensor, readings):
    times = sorted((sensor.random.randrange(28), sensor.random.randrange(24)) for _ in range(readings))
    return [sensor.reading(day, hour) for day, hour in times]


rows = []
for number in range(1, 61):
    sensor = Sensor(number)
    rows += [[f"s{number:02}", *reading] for reading in at_random(sensor, sensor.random.randrange(40, 81))]
rows.sort(key=lambda row: row[1:3])  # as readings come in: the sensors in turns
columns = ["day", "hour", "temperature", "load"]
write("sensors.csv", ["sensor", *columns], rows)

mine = Sensor("mine")
write("mine.csv", columns, at_random(mine, 10))
write("new.csv", columns, [mine.reading(day, hour) for day in range(28, 42) for hour in range(24)])
