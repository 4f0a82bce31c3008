# The commands of this repository; `make` lists them. The build itself is CMake's (CMakePresets.json).
.DEFAULT_GOAL := help
.PHONY: help demo build test test-slow bench bench-guard bench-peers size gallery zoo zoo-stop format lint clean

help:  ## this list
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' Makefile | expand -t 20

demo:  ## install what is missing, build, meta-train the sinusoid, plot it
	@scripts/demo

build:  ## the release build, in build/release
	@scripts/setup test && cmake --preset release && cmake --build build/release

test:  ## unit tests, sanitizers, whole runs (minutes)
	@scripts/test

test-slow:  ## the rest: thread sanitizer, clang, consumers, long runs, fuzzing
	@scripts/test-slow

bench:  ## timings on this machine
	@scripts/bench

bench-guard:  ## is it slower than bench/baseline.json says? (minutes, on a quiet machine)
	@scripts/bench-guard

bench-peers:  ## timings beside JAX, PyTorch, learn2learn and higher; writes docs/benchmarks.md (hours)
	@scripts/bench-peers

size:  ## how large maml_adapt is, the small library of embed/
	@scripts/size

gallery:  ## the pictures of docs/gallery.md, made anew (minutes)
	@scripts/gallery

zoo:  ## trains the models of zoo/queue.toml, at the lowest priority; stop it when you like
	@scripts/setup test && cmake --preset release && cmake --build build/release --target maml_cli && scripts/zoo

zoo-stop:  ## a running `make zoo` saves and stops
	@scripts/zoo --stop

format:  ## clang-format, in place
	@scripts/format

lint:  ## clang-tidy
	@scripts/lint

clean:  ## remove the builds (not runs/)
	@rm -rf build
