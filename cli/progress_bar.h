#pragma once

#include <chrono>
#include <string>

#include "maml/train/trainer.h"

namespace maml::cli {

/// Where a run, or the work on a number of things, stands: on stderr. In a terminal one line that fits its width and is
/// drawn anew; elsewhere plain lines now and then.
class ProgressBar {
public:
  /// title: written before the numbers, may be empty.
  explicit ProgressBar(std::string title = "");
  /// Ends the line.
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  void update(const Progress&);
  /// So many things of all are done.
  void update(std::size_t done, std::size_t all);
  /// A sentence above the bar.
  void notice(const std::string& text);
  /// Shows the last state for good; later updates begin a new line.
  void finish();

private:
  bool is_due(bool is_last);
  template <class Line, class Words> void show(const Line& line, const Words& words);

  std::string title_;
  bool is_terminal_, has_line_ = false;
  std::chrono::steady_clock::time_point start_, last_;
};

/// Whether stderr is a terminal.
bool stderr_is_terminal();

/// The bar's line, at most `width` columns: what matters least is left out where it is narrow.
std::string progress_line(const std::string& title, const Progress&, std::size_t width, bool utf8);
std::string count_line(const std::string& title, std::size_t done, std::size_t all, double seconds_left,
                       std::size_t width, bool utf8);

}  // namespace maml::cli
