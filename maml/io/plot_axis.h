#pragma once

#include "maml/io/gnuplot.h"

#include <string>
#include <vector>

namespace maml {

/// The gnuplot commands for one axis (`name` is x or y) of a figure: its range (the given one, or that of the curves'
/// finite values, with a margin on y, and from 0 where x starts just above it) and round ticks that do not crowd. A
/// part of gnuplot.cpp.
std::string axis_commands(const Figure& figure, char name);

/// Round ticks within [low, high]: 1, 2 or 5 times a power of ten apart, about `wanted` of them.
std::vector<double> linear_ticks(double low, double high, int wanted);

/// Ticks of a logarithmic axis within [low, high] > 0: powers of ten, with 2 and 5 times them where there are few,
/// linear ones where there is hardly any.
std::vector<double> log_ticks(double low, double high);

}  // namespace maml
