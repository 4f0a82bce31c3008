#include "cli/progress_bar.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>
#include <vector>

#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/text.h"

namespace maml::cli {

namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds between_redraws{95};  // a redraw asked for every 100 ms is not to be skipped
constexpr std::chrono::seconds between_lines{5};

std::size_t terminal_width() {
  winsize size{};
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 80;
}

bool locale_is_utf8() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const char* value = std::getenv(name);
    if (value == nullptr || *value == '\0') continue;
    const std::string text = value;
    return text.find("UTF-8") != std::string::npos || text.find("utf8") != std::string::npos;
  }
  return false;
}

std::string padded(std::string text, std::size_t width) {
  if (text.size() < width) text.insert(0, width - text.size(), ' ');
  return text;
}

std::string bar(double share, std::size_t width, bool utf8) {
  static const char* const eighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  const auto filled = static_cast<std::size_t>(std::clamp(share, 0.0, 1.0) * static_cast<double>(8 * width));
  std::string text;
  std::size_t columns = filled / 8;
  for (std::size_t i = 0; i < columns; ++i) text += utf8 ? "█" : "=";
  if (utf8 && filled % 8 != 0) {
    text += eighths[filled % 8];
    ++columns;
  }
  if (!utf8 && columns < width && columns > 0) text.back() = '>';
  return "[" + text + std::string(width - columns, ' ') + "]";
}

double share_done(const Progress& p) {
  return p.iterations > 0 ? static_cast<double>(p.iteration) / static_cast<double>(p.iterations) : 1;
}

struct Part {
  std::string text;
  int importance;
};

/// The parts with a bar before them; what matters least is left out until they fit.
std::string fitted(std::vector<Part> parts, double share, std::size_t width, bool utf8) {
  const auto columns = [&] {
    std::size_t sum = 0;
    for (const auto& part : parts) sum += columns_of(part.text) + 1;
    return sum;
  };
  constexpr std::size_t least_bar = 8;
  const auto by_importance = [](const Part& a, const Part& b) { return a.importance < b.importance; };
  while (parts.size() > 1 && columns() + least_bar > width)
    parts.erase(std::min_element(parts.begin(), parts.end(), by_importance));

  std::string line;
  if (columns() + least_bar <= width) line = bar(share, std::min<std::size_t>(width - columns() - 2, 60), utf8);
  for (const auto& part : parts) line += (line.empty() ? "" : " ") + part.text;
  return columns_of(line) <= width ? line : line.substr(0, width);
}

}  // namespace

std::string progress_line(const std::string& title, const Progress& p, std::size_t width, bool utf8) {
  const std::string total = std::to_string(p.iterations);
  const bool is_wide = width >= 110;
  const auto number = [](double value) { return padded(short_number(value), 5); };
  std::vector<Part> parts;
  if (!title.empty()) parts.push_back({title, 2});
  parts.push_back({padded(std::to_string(p.iteration), total.size()) + "/" + total, 9});
  parts.push_back({(is_wide ? "meta-loss " : "loss ") + number(p.meta_loss), 6});
  const double factor = shown_factor(p.metric);
  const std::string unit = factor == 100 ? " %" : "";
  parts.push_back({p.metric + " " + number(factor * p.before) + " > " + number(factor * p.after) + unit, 7});
  if (p.validation) parts.push_back({(is_wide ? "validation " : "val ") + number(factor * *p.validation) + unit, 5});
  parts.push_back({padded(short_number(p.iterations_per_second), 4) + (is_wide ? " it/s" : "/s"), 4});
  parts.push_back({duration(p.seconds_left) + (is_wide ? " left" : ""), 8});

  return fitted(std::move(parts), share_done(p), width, utf8);
}

std::string count_line(const std::string& title, std::size_t done, std::size_t all, double seconds_left,
                       std::size_t width, bool utf8) {
  const std::string total = with_commas(all);
  std::vector<Part> parts;
  if (!title.empty()) parts.push_back({title, 2});
  parts.push_back({padded(with_commas(done), total.size()) + "/" + total, 9});
  parts.push_back({duration(seconds_left) + " left", 8});
  return fitted(std::move(parts), all > 0 ? static_cast<double>(done) / static_cast<double>(all) : 1, width, utf8);
}

bool stderr_is_terminal() {
  return isatty(STDERR_FILENO) != 0;
}

ProgressBar::ProgressBar(std::string title)
    : title_(std::move(title)), is_terminal_(stderr_is_terminal()), start_(Clock::now()), last_(start_) {}

ProgressBar::~ProgressBar() {
  finish();
}

bool ProgressBar::is_due(bool is_last) {
  const auto since = Clock::now() - last_;
  return is_last || (is_terminal_ ? !has_line_ || since >= between_redraws : since >= between_lines);
}

template <class Line, class Words> void ProgressBar::show(const Line& line, const Words& words) {
  if (is_terminal_) {
    // Some columns stay free: for the ^C that a terminal shows, and since some wrap when the last one is written.
    const std::string text = line(std::max<std::size_t>(terminal_width(), 4) - 3, locale_is_utf8());
    std::fprintf(stderr, "\r%s\033[K", text.c_str());
    has_line_ = true;
  } else {
    std::fprintf(stderr, "%s%s%s\n", title_.c_str(), title_.empty() ? "" : " ", words().c_str());
  }
  std::fflush(stderr);
  last_ = Clock::now();
}

void ProgressBar::update(const Progress& p) {
  if (!is_due(p.iteration >= p.iterations)) return;
  show([&](std::size_t width, bool utf8) { return progress_line(title_, p, width, utf8); },
       [&] {
         const double factor = shown_factor(p.metric);
         return "it " + std::to_string(p.iteration) + "/" + std::to_string(p.iterations) + ": meta-loss " +
                short_number(p.meta_loss) + ", " + shown_name(p.metric) + " " + short_number(factor * p.before) +
                " before and " + short_number(factor * p.after) + " after" +
                (p.validation ? ", validation " + short_number(factor * *p.validation) : "") + ", " +
                short_number(p.iterations_per_second) + " it/s, " + duration(p.seconds_left) + " left";
       });
}

void ProgressBar::update(std::size_t done, std::size_t all) {
  if (!is_due(done >= all)) return;
  const double seconds = std::chrono::duration<double>(Clock::now() - start_).count();
  const double left =
      seconds * static_cast<double>(all - std::min(done, all)) / static_cast<double>(std::max<std::size_t>(done, 1));
  show([&](std::size_t width, bool utf8) { return count_line(title_, done, all, left, width, utf8); },
       [&] { return with_commas(done) + "/" + with_commas(all) + ", " + duration(left) + " left"; });
}

void ProgressBar::notice(const std::string& text) {
  std::fprintf(stderr, "%smaml: %s\n", has_line_ ? "\r\033[K" : "", text.c_str());
  has_line_ = false;
}

void ProgressBar::finish() {
  if (has_line_) std::fputc('\n', stderr);
  has_line_ = false;
}

}  // namespace maml::cli
