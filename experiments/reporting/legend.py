"""What the figures of the tables mean, in words."""

from collections.abc import Mapping

METRICS: Mapping[str, str] = {
    "AUC": "probability that a clicked row of the test part is scored above one that "
    "was not clicked; 0.5 is chance. Exact, over all rows, after training has ended.",
    "± and intervals": "half of the 95 % interval of the mean over training seeds, by "
    "Student's t. A seed varies the indexer, the initial weights and the order of the "
    "rows; the parts of the data are the same. One seed alone has no interval.",
    "Δ AUC": "mean difference in AUC to the method named, paired by seed, with the "
    "95 % interval of the paired differences. me is that of the same number of codes "
    "and the same fusion.",
    "p, adjusted": "of the two-sided paired t test of no difference, as it is, and "
    "adjusted by Holm's method over all differences in AUC of the ranker's tables in "
    "the suite: all data sets, all three references.",
    "n.s.": "not significant: the adjusted p-value is 0.05 or more. It may be so "
    "though the interval, which is of one difference, excludes 0.",
    "new, tail, middle, head items": "the test rows by how often the training part has "
    "their item: never; or among the rarest with a third of its rows, the middle "
    "third, the most frequent third. AUC within the group.",
    "new, light, heavy users": "the test rows by how often the training part has "
    "their user: never; or among the rarest with half of its rows; or the others.",
    "spread over seeds": "standard deviation over the seeds of a cell, root mean "
    "square over cells. In common: of what a seed adds in every ranker alike, by an "
    "analysis of variance, seeds by rankers, of each data set. Rankers share a seed's "
    "codes, where one machine made the rows of all of them, and with them the start of "
    "the embeddings and the order of the rows.",
    "log loss": "mean negative log-likelihood of the test rows, in nats; lower is "
    "better.",
    "information abundance": "how many dimensions of the code embeddings count: of the "
    "singular values of the matrix that has an item's embeddings in a row, for all "
    "items, the sum over the largest; from 1 to the number of columns. After training, "
    "before the fusion; mean over seeds (Guo et al., arXiv:2310.04400).",
    "parameters": "trainable numbers of the ranker, code tables and fusion included, "
    "without the indexer.",
    "epochs": "passes over the training part, those after the best one included; mean "
    "over seeds. Of the earlier runs it was not recorded.",
    "seconds": "of training the ranker, without the indexer; mean over seeds.",
    "codes": "of an item, each with a table of embeddings of its own.",
    "-": "no run yet, or no such comparison: a method is not compared "
    "with itself, and a reference only with those before it (none, vq, me).",
}

CODE_METRICS: Mapping[str, str] = {
    "± and ranges": "in tables, half of the 95 % interval of the mean over seeds "
    "of the indexer, by Student's t; in pictures, the least and the largest of them. "
    "Indexers are fitted on the items of the training part, and measured on all.",
    "relative error": "squared error of the decoded codes over that of the mean "
    "vector; 0 is perfect.",
    "least usage": "share of its codes that the least used codebook uses.",
    "own codes": "share of items whose codes together no other item has.",
    "recall@10": "share of an item's 10 nearest neighbours that are among the 10 items "
    "which share most codes with it.",
    "each, joint": "mean over the N code sets, each by itself; and all N codes of an "
    "item taken as one code. me has the code of vq at every N, and so its figures.",
    "NMI, AMI": "of codes with k-means clusters of the raw vectors: mutual "
    "information over the mean of both entropies; and corrected for chance. NMI rises "
    "with the mere number of different codes; AMI of a joint code falls to 0 as all "
    "items get codes of their own.",
    "label bits": "I(code; label) over the rows of the training part, in bits, plug-in "
    "estimate, which is biased upwards. By chance: the same after the codes are dealt "
    "out anew to the items that have rows, mean of 20. Less chance: the difference; of "
    "a joint code it falls to 0 as all items get codes of their own, since dealing out "
    "does not change what such codes tell.",
    "NMI of codebooks": "mean over the pairs of an item's codebooks, their redundancy. "
    "By chance: after each codebook's codes are dealt out anew.",
}

GAIN_METRICS: Mapping[str, str] = {
    "± and intervals": "in tables and pictures, half of the 95 % interval of the mean "
    "over seeds of the indexer, by Student's t.",
    "Δ AUC to none": METRICS["Δ AUC"],
    "new items": METRICS["new, tail, middle, head items"],
    **{
        name: CODE_METRICS[name]
        for name in ("relative error", "NMI of codebooks", "NMI, AMI", "label bits")
    },
}

METHODS: Mapping[str, str] = {
    "none": "no semantic feature",
    "vq": "one code an item, of one codebook",
    "me": "Multi-Embedding: the one code of vq in several tables",
    "rq_vae": "residual codes of an autoencoder",
    "moc": "Mixture-of-Codes: parallel codebooks in one autoencoder",
    "moc, diverse": "the same with a term that decorrelates the codebooks' inputs",
    "moc, concatenated": "the decoder reads the codes' vectors side by side, not their "
    "mean",
    "moc, per_codebook": "a decoder for each codebook",
    "moc, shared_latent": "all codebooks see one and the same latent vector",
    "diverse_moc, concatenated_moc": "moc, diverse and moc, concatenated, in figures "
    "of codes alone",
    "shuffled": "the codes dealt out to other items: capacity without meaning",
    "rq_kmeans, rq_gmm": "residual codes by k-means, or by Gaussian mixtures",
    "pq, opq": "product quantisation, without and with a learned rotation",
    "random": "codes drawn at random: capacity without meaning",
    "adaptor": "the raw vector through small MLPs, one a field; no codes",
    "id_me": "more tables of the item ids; no codes",
    "true_factors": "the hidden factors of the planted benchmark: an upper bound",
}

TITLES: Mapping[str, str] = {
    "headline": "Headline: the main methods in DCNv2",
    "rankers": "Rankers: the main methods in every ranker",
    "table1": "Table 1: four rankers, every method and scale",
    "table2": "Table 2: fusions of the codes",
    "figure4": "Figure 4: singular spectra of the code embeddings",
    "reviewers": "Reviewers: controls, other quantisers, other forms, more codes",
}
