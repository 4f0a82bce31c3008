#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "maml/io/gnuplot.h"
#include "maml/tasks/sinusoid.h"
#include "maml/train/evaluation.h"
#include "maml/train/run_folder.h"

namespace maml {

struct PlotOptions {
  std::string baseline = {};  ///< folder of a run to show beside; empty: a sibling that fits
  std::size_t tasks = 600;    ///< test tasks of the metric against inner steps
  int threads = 0;            ///< 0: all processors; pictures do not depend on it
  std::string out = {};       ///< folder for the pictures (made if need be); empty: the run's plots/
};

struct PlotSummary {
  std::vector<std::string> files;     ///< written, without their extensions .png and .svg
  std::string events;                 ///< the event file that has them for TensorBoard, with train.tensorboard
  std::string baseline;               ///< the run shown beside, if any
  std::vector<std::string> left_out;  ///< pictures that could not be drawn, and why: `learning: no metrics.csv`
};

/// Draws a run: `learning`, `steps` (error or accuracy against inner steps); for the sinusoid `adaptation` (the paper's
/// figure 2); for images `gallery` (right and wrong predictions) and `filters` (weights of the first layer). Of a run
/// with train.tensorboard an event file beside them has them too. Throws Error where there is no gnuplot, or no run, or
/// where a packed run is to be drawn into its own folder.
PlotSummary plot_run(const std::string& run, const PlotOptions& = {});

/// A run beside `run` in its parent folder that was trained by this algorithm on the same tasks; empty if there is
/// none.
std::string sibling_run(const std::string& run, const std::string& algorithm);

// The figures, for other pages.

/// `MAML`, `first-order MAML`, ..
std::string algorithm_label(const Options&);

/// The run's metric over iterations, raw and smoothed, with the validations and the published value after as many inner
/// steps as trained (else the last one) as a level.
Figure learning_figure(const LoadedRun&);

/// The run's metric after so many inner steps, with its 95 % interval.
struct StepCurve {
  std::string label;
  EvaluationSummary evaluation;
  bool is_level = false;  ///< only what it does before the first step counts: a dashed line
};
/// One curve each (on a logarithmic axis where smaller is better), and published values as points.
Figure steps_figure(const std::vector<StepCurve>&, const std::vector<Published>&);

/// Outputs of a sinusoid model at wave.x after so many inner steps on the wave's support points (see adapt).
std::vector<std::vector<double>> adapted_predictions(const LoadedModel&, const Wave&, const std::vector<int>& steps,
                                                     std::optional<Statistics> = {});
/// The `which`-th test wave (from 0) of that seed whose amplitude is at least 2: flat ones show little.
Wave wave_to_show(std::uint64_t seed, std::size_t shots, int which);
/// Truth, support points, and predictions after 0, 1 and 10 steps.
Figure adaptation_figure(const LoadedModel&, const Wave&, const std::string& title);

/// Gives figures of one kind the same y axis.
void share_y_range(std::vector<Figure>&);

/// Means over a window of about 1/50 of the points on each side, shorter at the ends; NaN is left out.
std::vector<double> smoothed(const std::vector<double>&);

}  // namespace maml
