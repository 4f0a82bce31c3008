#include <array>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "cli/verbs.h"
#include "maml/base/error.h"
#include "maml/base/nearest.h"

namespace maml::cli {

namespace {

// The scripts ask the program itself (cli/candidates.h), so that what they offer is what it takes. `words` are those up
// to the cursor.

constexpr auto bash = R"(# bash completion of maml: the program says what may follow (maml __complete WORD..).
_maml() {
  local IFS=$'\n' word about glued= value head cut paths=
  local -a words=() found=()
  COMPREPLY=()
  # To bash `=` is a word of its own, to the program key=value is one.
  for word in "${COMP_WORDS[@]:1:COMP_CWORD}"; do
    if [[ ${#words[@]} -gt 0 && ($word == =* || -n $glued) ]]; then words[-1]+=$word; else words+=("$word"); fi
    if [[ $word == *= ]]; then glued=1; else glued=; fi
  done
  value=${words[-1]##*=}
  head=${words[-1]%"$value"}
  cut=
  [[ $COMP_WORDBREAKS != *=* ]] || cut=$head
  while IFS=$'\t' read -r word about; do
    case $word in
      :folders) mapfile -t found < <(compgen -d -- "$value") ;;
      :files) mapfile -t found < <(compgen -d -- "$value"; compgen -f -X "!*$about" -- "$value") ;;
      *) COMPREPLY+=("${word#"$cut"}"); continue ;;
    esac
    paths=1
    for word in "${found[@]}"; do word=$head$word; COMPREPLY+=("${word#"$cut"}"); done
  done < <("${1/#\~/$HOME}" __complete "${words[@]}" 2>/dev/null)
  [[ -z $paths ]] || compopt -o filenames 2>/dev/null
  [[ ${COMPREPLY[0]-} != *= ]] || compopt -o nospace 2>/dev/null
}
complete -F _maml maml
)";

constexpr auto zsh = R"(#compdef maml
# zsh completion of maml: the program says what may follow (maml __complete WORD..).
_maml() {
  local line word about program=${(Q)words[1]}
  local -a found unfinished
  local -aU patterns
  local -i folders=0 ret=1
  for line in "${(@f)$("${program/#\~/$HOME}" __complete "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)}"; do
    word=${line%%$'\t'*} about=${line#*$'\t'}
    case $word in
      (:folders) folders=1 ;;
      (:files) patterns+=("*$about") ;;
      (?*=) unfinished+=("${word//:/\\:}:$about") ;;
      (?*) found+=("${word//:/\\:}:$about") ;;
    esac
  done
  (( ! $#found )) || { _describe -t values value found && ret=0 }
  (( ! $#unfinished )) || { _describe -t keys key unfinished -S '' && ret=0 }
  if (( folders || $#patterns )); then
    compset -P '*='
    if (( $#patterns )); then _files -g "${(j: :)patterns}" && ret=0; else _files -/ && ret=0; fi
  fi
  return ret
}
if [[ $funcstack[1] == _maml ]]; then _maml "$@"; else compdef _maml maml; fi
)";

constexpr auto fish = R"(# fish completion of maml: the program says what may follow (maml __complete WORD..).
function __maml_complete
    set -l words (commandline -opc)
    set -l typed (commandline -ct)
    set -l value (string replace -r '^.*=' '' -- "$typed")
    set -l head (string sub -l (math (string length -- "$typed") - (string length -- "$value")) -- "$typed")
    set -l program (string replace -r '^~' "$HOME" -- "$words[1]")
    for line in ($program __complete $words[2..-1] "$typed" 2>/dev/null)
        set -l part (string split -m 1 \t -- $line)
        switch $part[1]
            case :folders :files
                for path in (complete -C "__maml_no_command $value" | string replace -r '\t.*' '')
                    if string match -q '*/' -- $path
                        echo "$head$path"
                    else if test $part[1] = :files; and string match -q "*$part[2]" -- $path
                        echo "$head$path"
                    end
                end
            case '*'
                echo $line
        end
    end
end
complete -c maml -f -k -a '(__maml_complete)'
)";

struct Shell {
  const char* name;
  const char* script;
};
constexpr std::array shells = {Shell{"bash", bash}, Shell{"zsh", zsh}, Shell{"fish", fish}};

std::vector<std::string> shell_names() {
  std::vector<std::string> names;
  for (const auto& shell : shells) names.emplace_back(shell.name);
  return names;
}

int run(const std::string& name) {
  for (const auto& shell : shells)
    if (shell.name == name) {
      std::cout << shell.script;
      return 0;
    }
  const auto names = shell_names();
  require(!name.empty(), "completion", "name the shell (one of ", join(names), ")");
  fail("completion", "does not know the shell '", name, "'", did_you_mean(name, names), " (one of ", join(names), ")");
}

}  // namespace

void add_completion(CLI::App& program, Chosen& chosen) {
  auto* verb =
      program.add_subcommand("completion", "Prints a script by which a shell completes verbs, options, presets");
  const auto name = std::make_shared<std::string>();
  verb->add_option("shell", *name, "Whose script")->type_name(join(shell_names(), "|"));
  verb->footer("Examples:\n"
               "  source <(maml completion bash)               now; in ~/.bashrc for good\n"
               "  source <(maml completion zsh)                the same, in ~/.zshrc behind compinit\n"
               "  maml completion fish | source                the same, in ~/.config/fish/config.fish\n\n"
               "An installed maml has put them where the shells look.");
  verb->callback([name, &chosen] { chosen = [name] { return run(*name); }; });
}

}  // namespace maml::cli
