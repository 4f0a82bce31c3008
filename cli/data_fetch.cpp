#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <memory>
#include <vector>

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/data.h"
#include "cli/fresh_folder.h"
#include "cli/progress_bar.h"
#include "maml/base/error.h"
#include "maml/io/atomic_file.h"
#include "maml/io/md5.h"

namespace maml::cli {

namespace {

namespace fs = std::filesystem;

struct Archive {
  const char *name, *md5;
};

const std::string address = "https://github.com/brendenlake/omniglot/raw/master/python/";
constexpr std::array archives = {Archive{"images_background.zip", "68d2efa1b9178cc56df9314c21c6e718"},
                                 Archive{"images_evaluation.zip", "6b91aef0f799c5bb55b94e3f2daec811"}};

/// What to do without this verb.
std::string by_hand(const std::string& folder) {
  std::string text = "by hand: download";
  for (const auto& archive : archives) text += " " + address + archive.name;
  return text + " into " + folder + " and run: maml data import omniglot " + folder + "/images_*.zip";
}

/// What curl's exit status means.
std::string reason(int status) {
  switch (status) {
  case 5:
  case 6:
    return "the host was not found, is there a network?";
  case 7:
  case 28:
    return "no connection, is there a network?";
  case 22:
    return "the server refused";
  case 23:
    return "the file cannot be written, is the disk full?";
  case 35:
  case 60:
    return "no secure connection";
  default:
    return "curl ended with status " + std::to_string(status);
  }
}

/// Runs curl and returns its exit status. It shows its own bar where there is a terminal.
int run_curl(const std::string& from, const std::string& to, const std::string& folder) {
  std::vector<std::string> words = {"curl",
                                    "--fail",
                                    "--location",
                                    "--connect-timeout",
                                    "20",
                                    "--retry",
                                    "3",
                                    "--continue-at",
                                    "-",
                                    "--output",
                                    to,
                                    from,
                                    stderr_is_terminal() ? "--progress-bar" : "--silent"};
  std::vector<char*> arguments;
  arguments.reserve(words.size() + 1);
  for (auto& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  pid_t child = 0;
  const int error = posix_spawnp(&child, "curl", nullptr, nullptr, arguments.data(), environ);
  require(error == 0, "curl", "cannot be run: ", std::strerror(error), " (install it: apt-get install curl; or ",
          by_hand(folder), ")");
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

bool is_right(const std::string& path, const Archive& archive) {
  return fs::is_regular_file(path) && md5(read_file(path)) == archive.md5;
}

int run(const std::string& folder) {
  FreshFolders fresh;
  fresh.add(folder);
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) fail(folder, "cannot be made: ", errno_text(error.value()));
  for (const auto& archive : archives) {
    const std::string path = folder + "/" + archive.name, part = path + ".part";
    if (is_right(path, archive)) {
      std::cout << path << " is there already" << std::endl;
      continue;
    }
    if (!is_right(part, archive)) {
      std::cout << "fetching " << address << archive.name << std::endl;
      const int status = run_curl(address + archive.name, part, folder);
      require(status == 0, path, "cannot be fetched: ", reason(status),
              " (run it again later, it goes on where it stopped; or ", by_hand(folder), ")");
      if (!is_right(part, archive)) {
        fs::remove(part, error);
        fail(path, "what came is not the archive: its MD5 is not ", archive.md5, " (run it again; or ", by_hand(folder),
             ")");
      }
    }
    fs::rename(part, path, error);
    if (error) fail(path, "cannot be written: ", errno_text(error.value()));
    std::cout << path << ": MD5 is right" << std::endl;
  }
  std::cout << "\nNext: maml data import omniglot";
  for (const auto& archive : archives) std::cout << " " << folder << "/" << archive.name;
  std::cout << "\n";
  return 0;
}

}  // namespace

void add_data_fetch(CLI::App& data, Chosen& chosen) {
  auto* verb = data.add_subcommand("fetch", "Downloads the archives of Omniglot and verifies their sums");
  struct Arguments {
    std::string what, out = ".";
  };
  const auto a = std::make_shared<Arguments>();
  verb->add_option("what", a->what, "Which archives")->type_name("omniglot");
  verb->add_option("--out", a->out, "The folder for the archives")->type_name("DIR")->capture_default_str();
  verb->footer("Examples:\n  maml data fetch omniglot\n  maml data fetch omniglot --out downloads\n\n"
               "From their official address, with curl; 15 MB. A second call goes on where the first stopped.");
  verb->callback([a, &chosen] {
    chosen = [a] {
      require(a->what == "omniglot", "data fetch", a->what.empty() ? "name what to fetch" : "cannot fetch " + a->what,
              " (it knows omniglot; mini-ImageNet's pictures may not be given away, see docs/bring-your-data.md)");
      return run(a->out);
    };
  });
}

}  // namespace maml::cli
