#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "maml/nn/loss.h"

namespace maml {

/// What a support set that nobody drew by shots says of itself. Labels are whole numbers from 0; a class below the
/// largest may have no row, and counts as none then.

/// Overwrites `rows` with the numbers of rows of class 0, 1, ..
template <class T> void count_rows_by_class(std::span<const T> labels, std::vector<std::size_t>& rows);

/// What `sum / shots` divides by, for query losses too: the rows of one class; their mean, rounded down, where classes
/// have unequal numbers. Of regression it is all support rows.
std::size_t shots_of(const std::vector<std::size_t>& rows_by_class);

/// What makes every class count as much as any other (Batch::weight): the loss of the support set is then the mean of
/// the classes' own means, or, divided by shots_of, their sum. Empty where all classes have as many rows: 1 everywhere.
template <class T>
std::vector<T> class_weights(std::span<const T> labels, const std::vector<std::size_t>& rows_by_class, Normalisation);

}  // namespace maml
