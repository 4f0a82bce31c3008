#include "maml/io/gnuplot_script.h"

#include "maml/base/error.h"
#include "maml/io/atomic_file.h"
#include "maml/io/gnuplot.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace maml {

namespace {

/// Runs `gnuplot arguments...` with all its output in the file `log`; -1 if there is no such program.
int run_gnuplot(std::vector<std::string> arguments, const std::string& log) {
  arguments.insert(arguments.begin(), "gnuplot");
  std::vector<char*> pointers;
  for (auto& argument : arguments) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  posix_spawn_file_actions_adddup2(&actions, 1, 2);
  pid_t child = 0;
  const int error = posix_spawnp(&child, "gnuplot", &actions, nullptr, pointers.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error == ENOENT) return -1;
  require(error == 0, "gnuplot", "cannot be started: ", errno_text(error));
  int status = 0;
  while (::waitpid(child, &status, 0) < 0)
    if (errno != EINTR) fail("gnuplot", "cannot be waited for: ", errno_text(errno));
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

/// The commands of one picture.
std::string picture(const std::string& terminal, const std::string& output, const std::string& commands) {
  return "reset\nset terminal " + terminal + " background '#FFFFFF'\nset output " + gnuplot_text(output) +
         "\nset encoding utf8\n" + commands + "unset output\n";
}

std::string size_text(double width, double height) {
  return "size " + std::to_string(std::lround(width)) + "," + std::to_string(std::lround(height));
}

void replace_all(std::string& text, const std::string& from, const std::string& to) {
  for (std::size_t at = text.find(from); at != text.npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
}

/// The SVG with fonts to fall back on where the reader's machine lacks ours, and images that stay crisp when enlarged.
std::string portable(std::string svg) {
  replace_all(svg, "font-family=\"DejaVu Sans\"", "font-family=\"DejaVu Sans, Verdana, Helvetica, sans-serif\"");
  replace_all(svg, "<image x=", "<image style='image-rendering:pixelated' x=");
  return svg;
}

}  // namespace

GnuplotScript::GnuplotScript() {
  std::error_code none;
  const auto base = std::filesystem::temp_directory_path(none);
  folder_ = (none ? std::string("/tmp") : base.string()) + "/maml-plot-XXXXXX";
  if (::mkdtemp(folder_.data()) == nullptr)
    fail(folder_, "cannot be made: ", errno_text(errno), "; TMPDIR names another");
}

GnuplotScript::~GnuplotScript() {
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

void GnuplotScript::draw(const std::string& commands, double width, double height,
                         const std::string& path_without_extension) const {
  const std::string png = file("page.png"), svg = file("page.svg"), script = file("page.gp"), log = file("log");
  const std::string png_terminal = "pngcairo enhanced " + size_text(2 * width, 2 * height) +
                                   " font 'DejaVu Sans,10' fontscale 1.5 linewidth 2 pointscale 2";
  const std::string svg_terminal = "svg enhanced " + size_text(width, height) + " dynamic font 'DejaVu Sans,10'";
  write_atomically(script, picture(png_terminal, png, commands) + picture(svg_terminal, svg, commands));
  const int status = run_gnuplot({"-d", script}, log);
  require(status != -1, "gnuplot", "not found (apt install gnuplot-nox)");
  require(status == 0, "gnuplot", "failed:\n", read_text_file(log));
  write_atomically(path_without_extension + ".png", std::span<const std::byte>(read_file(png)));
  write_atomically(path_without_extension + ".svg", portable(read_text_file(svg)));
}

bool gnuplot_available() {
  return run_gnuplot({"--version"}, "/dev/null") == 0;
}

std::string gnuplot_text(const std::string& text) {
  // In single quotes only a quote is special, and it is doubled.
  std::string result = "'";
  for (char c : text) {
    if (c == '\'') result += '\'';
    result += static_cast<unsigned char>(c) < ' ' ? ' ' : c;
  }
  return result + "'";
}

std::uint32_t palette_rgb(int color) {
  static constexpr std::array<std::uint32_t, 8> colors = {0x0072B2, 0xD55E00, 0x009E73, 0xCC79A7,
                                                          0xE69F00, 0x56B4E9, 0x8C8C8C, 0x202020};
  return colors[static_cast<std::size_t>(std::max(0, color)) % colors.size()];
}

std::string gnuplot_color(int color, double opacity) {
  const auto clear = static_cast<std::uint32_t>(std::lround(255 * (1 - std::clamp(opacity, 0.0, 1.0))));
  const std::uint32_t value = clear << 24 | palette_rgb(color);
  std::string text = "rgb '#";
  for (int shift = 28; shift >= 0; shift -= 4) text += "0123456789ABCDEF"[value >> shift & 15];
  return text + "'";
}

}  // namespace maml
