#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "maml/diff/objective.h"

namespace maml {

/// A named part of a flat parameter vector.
struct Slice {
  std::string name;  ///< `conv1.weight`
  std::size_t offset = 0;
  std::size_t size = 0;
};

/// What shares one inner rate.
enum class RateSharing { number, slice, element };

/// The inner rates: alpha_k = m ⊙ r_k, a mask m of zeros and ones times rates r_k (one number, per slice, per element;
/// the same at every step or one set a step). The mask stands apart from the rates, so that no learning of rates ever
/// thaws a frozen parameter.
class RateLayout {
public:
  /// mask: one 0 or 1 a slice. steps: inner steps that have rates of their own (1: the same at every step).
  RateLayout(std::vector<Slice> slices, std::vector<unsigned char> mask, RateSharing, int steps);

  std::size_t parameters() const { return parameters_; }
  /// Length of the rate vector r (all steps).
  std::size_t size() const { return per_step_ * static_cast<std::size_t>(steps_); }
  /// Steps that have rates of their own; step k uses set min(k, steps() - 1).
  int steps() const { return steps_; }
  int set(int k) const { return k < steps_ ? k : steps_ - 1; }
  const std::vector<Slice>& slices() const { return slices_; }
  const std::vector<unsigned char>& mask() const { return mask_; }
  RateSharing sharing() const { return sharing_; }
  /// Elements before the first adapted slice: a frozen front.
  std::size_t frozen_front() const;
  /// The rates of slice i in set `set`: offset into r, and how many: one, or one an element.
  std::pair<std::size_t, std::size_t> range(int set, std::size_t slice) const;

  /// alpha = m ⊙ r of one set, element by element (parameters() values).
  template <class T> void expand(int set, const T* rates, T* alpha) const;
  /// Adds d_alpha (parameters() values; the mask is applied here) to the rates that share it in d_rates.
  template <class T> void reduce(int set, const T* d_alpha, T* d_rates) const;

private:
  std::vector<Slice> slices_;
  std::vector<unsigned char> mask_;
  RateSharing sharing_;
  int steps_;
  std::size_t parameters_ = 0;
  std::size_t per_step_ = 0;
};

/// An inner optimiser: (theta_k, state_k, g_k) to (theta_{k+1}, state_{k+1}), its transpose and its tangent. One task
/// a call; alpha has one value a parameter (mask included). Rules hold no state of their own: the adaptation keeps it.
template <class T> class InnerRule {
public:
  virtual ~InnerRule() = default;

  /// Elements of state a task, zero before the first step.
  virtual std::size_t state_size(std::size_t parameters) const = 0;

  /// From theta_k and state_k to theta_{k+1} and state_{k+1}; each pair may be one array.
  virtual void step(std::size_t n, const T* alpha, const T* g, const T* theta, const T* state, T* next_theta,
                    T* next_state) const = 0;

  /// The transpose. In: g_k, state_k (values before the step), v = v_{k+1} and s = adjoint of state_{k+1}.
  /// Out: u = adjoint of g_k (so that v_k = v + H_k u), v = the part of v_k that goes past g_k, s = adjoint of state_k,
  /// and d_alpha (or null) = adjoint of alpha, overwritten.
  virtual void transpose(std::size_t n, const T* alpha, const T* g, const T* state, T* v, T* s, T* u,
                         T* d_alpha) const = 0;

  /// The tangent. In: g_k, state_k, g_dot = H_k theta_dot. In place: theta_dot and state_dot to those of step k + 1.
  virtual void tangent(std::size_t n, const T* alpha, const T* g, const T* state, const T* g_dot, T* theta_dot,
                       T* state_dot) const = 0;
};

/// theta' = theta - alpha ⊙ g (MAML, Finn et al. 2017, equation 1).
template <class T> std::unique_ptr<InnerRule<T>> make_sgd();

/// m' = mu m + g, theta' = theta - alpha ⊙ m' (heavy ball; state m).
template <class T> std::unique_ptr<InnerRule<T>> make_momentum(double mu);

}  // namespace maml
