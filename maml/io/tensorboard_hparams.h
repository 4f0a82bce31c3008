#pragma once

#include <string>
#include <variant>
#include <vector>

#include "maml/io/tensorboard_events.h"

namespace maml {

// What TensorBoard's HPARAMS page shows: runs ("sessions") by their hyper-parameters and by the last values of some of
// their scalars. All of it stands at step 0.

struct Hparam {
  std::string name, help;
  std::variant<bool, double, std::string> value;
};

/// A scalar that runs are compared by.
struct HparamMetric {
  std::string tag, label;
  bool is_training = false;  ///< measured on what was trained on
};

/// The columns of the page. TensorBoard takes those of one of the runs it shows, so runs should have the same.
void add_hparams_experiment(EventSummary&, const std::vector<Hparam>&, const std::vector<HparamMetric>&,
                            double seconds);
/// The run's own values.
void add_hparams_start(EventSummary&, const std::vector<Hparam>&, double seconds);
/// The run came to its end. TensorBoard keeps the first that it reads.
void add_hparams_end(EventSummary&, double seconds);

}  // namespace maml
