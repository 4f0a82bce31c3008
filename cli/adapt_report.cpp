#include "cli/adapt_report.h"

#include <algorithm>
#include <filesystem>
#include <iostream>

#include <nlohmann/json.hpp>

#include "cli/text.h"
#include "maml/io/gnuplot.h"
#include "maml/io/picture_board.h"

namespace maml::cli {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t queries_in_a_row = 8;

struct Score {
  std::size_t known = 0, right = 0;
  double accuracy() const { return static_cast<double>(right) / static_cast<double>(known); }
};

Score score(const AdaptReport& report) {
  Score score;
  for (const auto& query : report.queries) {
    if (!query.truth) continue;
    ++score.known;
    score.right += *query.truth == query.predicted();
  }
  return score;
}

/// "" where its class is not known.
std::string verdict(const Query& query) {
  if (!query.truth) return "";
  return *query.truth == query.predicted() ? "right" : "wrong";
}

double probability(const Query& query) {
  return query.probabilities[query.predicted()];
}

std::string counted(std::size_t count, const std::string& one, const std::string& many) {
  return with_commas(count) + " " + (count == 1 ? one : many);
}

std::string summary_text(const AdaptReport& report) {
  return counted(report.classes.size(), "class", "classes") + ", " +
         counted(report.steps, "inner step", "inner steps") +
         (report.statistics.empty() ? "" : ", statistics " + report.statistics);
}

std::string accuracy_text(const Score& score) {
  return two_decimals(100 * score.accuracy()) + " % of " +
         counted(score.known, "query whose class is known", "queries whose classes are known");
}

BoardPicture picture_of(const Image& image) {
  return {.height = image.height, .width = image.width, .channels = image.channels, .pixels = image.pixels};
}

BoardPicture picture_of(const Image& image, const Query& query, const AdaptReport& report) {
  BoardPicture picture = picture_of(image);
  picture.caption = report.classes[query.predicted()] + "\n" + percent(probability(query));
  if (query.truth) picture.frame = *query.truth == query.predicted() ? palette::green : palette::vermilion;
  return picture;
}

std::string note_of(const AdaptReport& report, std::size_t shown) {
  std::string note = summary_text(report);
  const Score found = score(report);
  if (found.known > 0) note += "\nright (green): " + accuracy_text(found);
  if (shown < report.queries.size())
    note += "\nthe first " + with_commas(shown) + " of " + with_commas(report.queries.size()) + " queries";
  return note;
}

}  // namespace

std::size_t Query::predicted() const {
  return static_cast<std::size_t>(std::max_element(probabilities.begin(), probabilities.end()) - probabilities.begin());
}

std::string to_json(const AdaptReport& report) {
  Json object = {{"model", report.model}, {"classes", report.classes}, {"steps", report.steps}};
  object["statistics"] = report.statistics.empty() ? Json() : Json(report.statistics);
  object["support"] = report.support.empty() ? Json() : Json::object();
  for (std::size_t c = 0; c < report.support.size(); ++c) object["support"][report.classes[c]] = report.support[c];
  object["predictions"] = Json::array();
  for (const auto& query : report.queries) {
    Json one = {
        {"file", query.file}, {"class", report.classes[query.predicted()]}, {"probability", probability(query)}};
    for (std::size_t c = 0; c < report.classes.size(); ++c)
      one["probabilities"][report.classes[c]] = query.probabilities[c];
    if (query.truth) {
      one["truth"] = report.classes[*query.truth];
      one["right"] = *query.truth == query.predicted();
    }
    object["predictions"].push_back(std::move(one));
  }
  const Score found = score(report);
  object["accuracy"] = found.known > 0 ? Json(found.accuracy()) : Json();
  return object.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

void print(const AdaptReport& report) {
  std::cout << report.model << ": " << summary_text(report) << "\n\n";
  const Score found = score(report);
  Table table(found.known > 0 ? std::vector<std::string>{"picture", "class", "probability", "truth", "result"}
                              : std::vector<std::string>{"picture", "class", "probability"});
  for (const auto& query : report.queries) {
    std::vector<std::string> cells = {query.file, report.classes[query.predicted()],
                                      two_decimals(100 * probability(query)) + " %"};
    if (found.known > 0) {
      cells.push_back(query.truth ? report.classes[*query.truth] : "");
      cells.push_back(verdict(query));
    }
    table.add(std::move(cells));
  }
  table.print(std::cout);
  if (found.known > 0) std::cout << "\nAccuracy: " << accuracy_text(found) << "\n";
}

void draw(const AdaptReport& report, const ShownPictures& pictures, const std::string& path) {
  PictureBoard board;
  board.title = report.model;
  board.note = note_of(report, pictures.queries.size());
  for (std::size_t c = 0; c < pictures.support.size(); ++c) {
    PictureRow row;
    if (c == 0) row.heading = "Support";
    row.label = report.classes[c];
    for (const auto& image : pictures.support[c]) row.pictures.push_back(picture_of(image));
    board.rows.push_back(std::move(row));
  }
  for (std::size_t i = 0; i < pictures.queries.size(); ++i) {
    if (i % queries_in_a_row == 0) board.rows.emplace_back();
    if (i == 0) board.rows.back().heading = "Queries, and what they are taken for";
    board.rows.back().pictures.push_back(picture_of(pictures.queries[i], report.queries[i], report));
  }
  draw_board(board, path);
}

}  // namespace maml::cli
