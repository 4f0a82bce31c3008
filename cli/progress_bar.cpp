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

}  // namespace

std::string progress_line(const std::string& title, const Progress& p, std::size_t width, bool utf8) {
  const std::string total = std::to_string(p.iterations);
  const bool is_wide = width >= 110;
  struct Part {
    std::string text;
    int importance;
  };
  const auto number = [](double value) { return padded(short_number(value), 5); };
  std::vector<Part> parts;
  if (!title.empty()) parts.push_back({title, 2});
  parts.push_back({padded(std::to_string(p.iteration), total.size()) + "/" + total, 9});
  parts.push_back({(is_wide ? "meta-loss " : "loss ") + number(p.meta_loss), 6});
  parts.push_back({p.metric + " " + number(p.before) + " > " + number(p.after), 7});
  if (p.validation) parts.push_back({(is_wide ? "validation " : "val ") + number(*p.validation), 5});
  parts.push_back({padded(short_number(p.iterations_per_second), 4) + (is_wide ? " it/s" : "/s"), 4});
  parts.push_back({duration(p.seconds_left) + (is_wide ? " left" : ""), 8});

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
  if (columns() + least_bar <= width) line = bar(share_done(p), std::min<std::size_t>(width - columns() - 2, 60), utf8);
  for (const auto& part : parts) line += (line.empty() ? "" : " ") + part.text;
  return columns_of(line) <= width ? line : line.substr(0, width);
}

bool stderr_is_terminal() {
  return isatty(STDERR_FILENO) != 0;
}

ProgressBar::ProgressBar(std::string title)
    : title_(std::move(title)), is_terminal_(stderr_is_terminal()), last_(Clock::now()) {}

ProgressBar::~ProgressBar() {
  finish();
}

void ProgressBar::update(const Progress& p) {
  const auto now = Clock::now();
  const bool is_last = p.iteration >= p.iterations;
  if (is_terminal_) {
    if (has_line_ && !is_last && now - last_ < between_redraws) return;
    // Some columns stay free: for the ^C that a terminal shows, and since some wrap when the last one is written.
    const std::string line = progress_line(title_, p, std::max<std::size_t>(terminal_width(), 4) - 3, locale_is_utf8());
    std::fprintf(stderr, "\r%s\033[K", line.c_str());
    has_line_ = true;
  } else {
    if (!is_last && now - last_ < between_lines) return;
    const std::string validation = p.validation ? ", validation " + short_number(*p.validation) : "";
    std::fprintf(stderr, "%s%sit %lld/%lld: meta-loss %s, %s %s before and %s after%s, %s it/s, %s left\n",
                 title_.c_str(), title_.empty() ? "" : " ", static_cast<long long>(p.iteration),
                 static_cast<long long>(p.iterations), short_number(p.meta_loss).c_str(), p.metric.c_str(),
                 short_number(p.before).c_str(), short_number(p.after).c_str(), validation.c_str(),
                 short_number(p.iterations_per_second).c_str(), duration(p.seconds_left).c_str());
  }
  std::fflush(stderr);
  last_ = now;
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
